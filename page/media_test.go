package page

import "testing"

func TestMediaMatches(t *testing.T) {
	for list, want := range map[string]bool{
		"": true, "all": true, "screen": true, "SCREEN": true, "print": false, "not print": true, "not screen": false,
		"print, screen": true, "print, speech": false, "only screen": true, "nonsense": false, "not nonsense": false,
		"(min-width: 600px)": true, "(min-width:1281px)": false, "(max-width: 80em)": true, "(max-width: 79em)": false,
		"screen and (min-width: 600px) and (max-width: 1300px)": true, "screen and (min-width: 600px) and (max-width: 1200px)": false,
		"print and (min-width: 600px)": false, "(width >= 600px)": true, "(400px < width <= 1000px)": false, "(400px<=width)": true,
		"(width = 1280px)": true, "(orientation: portrait)": false, "(orientation:landscape)": true,
		"(prefers-color-scheme: dark)": false, "(prefers-color-scheme: light)": true, "(color)": true, "(hover)": true,
		"(min-resolution: 2dppx)": false, "(min-resolution: 96dpi)": true, "(-webkit-min-device-pixel-ratio: 2)": false,
		"(max-aspect-ratio: 4/3)": false, "(min-aspect-ratio: 16/9)": true, "(min-width: 1/0)": false,
		"(min-width: )": false, "(min-width": false, "()": false, "(unknown: 1)": false, "not (unknown)": false,
		"not all and (max-width: 100px)": true, "and": false, "screen and": true, "(width < height > width <)": false,
	} {
		if got := mediaMatches(list); got != want {
			t.Errorf("mediaMatches(%q) = %v", list, got)
		}
	}
}

func TestSlotWidth(t *testing.T) {
	for sizes, want := range map[string]float64{
		"": 1280, "100vw": 1280, "50vw": 640, "300px": 300, "20em": 320, "calc(100vw - 20px)": 1280, "auto": 1280,
		"(max-width: 600px) 480px, 800px": 800, "(min-width: 600px) 480px, 800px": 480,
		"(max-width: 600px) calc(1px + 2px), 7px": 7, "(max-width: 600px) 480px": 1280, "-3px": 1280, "0": 1280, ",,": 1280,
	} {
		if got := slotWidth(sizes); got != want {
			t.Errorf("slotWidth(%q) = %v, want %v", sizes, got, want)
		}
	}
}
