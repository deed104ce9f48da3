package origin

import (
	"image"
	"image/color"
	"math"
)

// A scene is what the photographs of the sites show: a sky with a sun over
// three rows of hills. Each pixel belongs to a region and has a shade within it,
// which is a gradient plus grain; the grain is what makes a picture as heavy as
// a real one of its size.
type scene struct {
	w, h  int
	grain int // 0 is smooth; each pixel's shade is off by up to this much
	seed  dice
	sun   image.Point
	sunR2 int
	hills [3][]int // for each column the height at which the hill begins
	tints [regions]color.NRGBA
}

const (
	regions = 5 // sky, sun, three hills
	shades  = 48
)

func newScene(seed uint64, w, h, grain int) *scene {
	d := dice(seed)
	s := &scene{w: w, h: h, grain: grain}
	s.sun = image.Pt(w/6+d.roll(w*2/3+1), h/5+d.roll(h/5+1))
	r := max(2, h/9)
	s.sunR2 = r * r
	for i := range s.hills {
		s.hills[i] = hill(&d, w, h, h*(50+15*i)/100)
	}
	hue := float64(d.roll(360))
	s.tints = [regions]color.NRGBA{
		tint(hue, .45, .95), tint(hue+180, .25, 1),
		tint(hue+20, .35, .75), tint(hue+50, .5, .6), tint(hue+80, .6, .45),
	}
	s.seed = d
	return s
}

// hill returns a ridge around the height base: three waves of falling size.
func hill(d *dice, w, h, base int) []int {
	ridge := make([]int, w)
	for wave := 1; wave <= 3; wave++ {
		phase := float64(d.roll(628)) / 100
		size := float64(h) / 14 / float64(wave)
		for x := range ridge {
			ridge[x] += int(size * math.Sin(phase+float64(x*wave*9)/float64(w)))
		}
	}
	for x := range ridge {
		ridge[x] += base
	}
	return ridge
}

// at says what the pixel shows. Each call draws grain from d.
func (s *scene) at(x, y int, d *dice) (region, shade int) {
	dx, dy := x-s.sun.X, y-s.sun.Y
	if dx*dx+dy*dy < s.sunR2 {
		region = 1
	}
	shade = shades/2 + (y*16)/s.h
	for i, ridge := range s.hills {
		if y >= ridge[x] {
			region = 2 + i
			shade = shades/2 + (y-ridge[x])*12/s.h
		}
	}
	if s.grain > 0 {
		shade += int(d.next()>>33)%(2*s.grain+1) - s.grain
	}
	return region, min(max(shade, 0), shades-1)
}

// paletted paints the scene for GIF and PNG.
func (s *scene) paletted() *image.Paletted {
	palette := make(color.Palette, 0, regions*shades)
	for r := range regions {
		for shade := range shades {
			palette = append(palette, shaded(s.tints[r], shade))
		}
	}
	img := image.NewPaletted(image.Rect(0, 0, s.w, s.h), palette)
	d := s.seed
	for y := range s.h {
		for x := range s.w {
			region, shade := s.at(x, y, &d)
			img.Pix[y*img.Stride+x] = uint8(region*shades + shade)
		}
	}
	return img
}

// ycbcr paints the scene for JPEG in the form that its encoder takes as it is.
func (s *scene) ycbcr() *image.YCbCr {
	var light [regions][shades]uint8
	var cb, cr [regions]uint8
	for r := range regions {
		for shade := range shades {
			c := shaded(s.tints[r], shade)
			light[r][shade], _, _ = color.RGBToYCbCr(c.R, c.G, c.B)
		}
		c := shaded(s.tints[r], shades/2)
		_, cb[r], cr[r] = color.RGBToYCbCr(c.R, c.G, c.B)
	}
	img := image.NewYCbCr(image.Rect(0, 0, s.w, s.h), image.YCbCrSubsampleRatio420)
	d := s.seed
	for y := range s.h {
		for x := range s.w {
			region, shade := s.at(x, y, &d)
			img.Y[y*img.YStride+x] = light[region][shade]
			at := y/2*img.CStride + x/2
			img.Cb[at], img.Cr[at] = cb[region], cr[region]
		}
	}
	return img
}

// shaded darkens or lightens a tint: shade runs from 0, dark, to shades-1.
func shaded(c color.NRGBA, shade int) color.NRGBA {
	part := func(v uint8) uint8 { return uint8(min(255, int(v)*(shade+shades/2)/shades)) }
	return color.NRGBA{part(c.R), part(c.G), part(c.B), 255}
}

// tint turns hue (degrees), saturation and value (0 to 1) into a colour.
func tint(hue, saturation, value float64) color.NRGBA {
	part := func(n float64) uint8 {
		k := math.Mod(n+hue/60, 6)
		return uint8(255 * (value - value*saturation*max(0, min(k, 4-k, 1))))
	}
	return color.NRGBA{part(5), part(3), part(1), 255}
}
