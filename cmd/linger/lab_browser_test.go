package main

import (
	"encoding/json"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lingerhttp/linger/lab"
	"github.com/lingerhttp/linger/origin"
)

// TestChromiumInTheLab has a browser load the modern site across the cable link,
// takes its picture, and holds the packets against what the site weighs.
func TestChromiumInTheLab(t *testing.T) {
	if err := lab.Available(); err != nil {
		t.Skip(err)
	}
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("no chromium in PATH: apt-get install chromium")
	}
	dir := t.TempDir()
	picture, result := filepath.Join(dir, "page.png"), filepath.Join(dir, "result.json")
	cmd := exec.Command("linger", "lab", "--json", result, "--", chromium, "--headless", "--no-sandbox", "--disable-gpu",
		"--user-data-dir="+filepath.Join(dir, "profile"), "--window-size=1000,8000", "--timeout=60000", "--screenshot="+picture, "http://origin/")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if n := colours(t, picture); n < 5000 {
		t.Errorf("the picture has %d colours: the site's images have more", n)
	}
	text, err := os.ReadFile(result)
	if err != nil {
		t.Fatal(err)
	}
	var got labResult
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(got.Link, "cable: ") {
		t.Errorf("the link was %q", got.Link)
	}
	if want := imageBytes(t); got.Certificate.Down.Payload < want {
		t.Errorf("%d bytes came down, the images alone have %d", got.Certificate.Down.Payload, want)
	}
}

// colours counts those of a picture.
func colours(t *testing.T, file string) int {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	img, err := png.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	seen := make(map[[3]uint32]bool)
	for y := range img.Bounds().Dy() {
		for x := range img.Bounds().Dx() {
			r, g, b, _ := img.At(x, y).RGBA()
			seen[[3]uint32{r, g, b}] = true
		}
	}
	return len(seen)
}

// imageBytes is what the pictures of the modern site weigh that every browser
// fetches at once: those of formats that nothing compresses further.
func imageBytes(t *testing.T) (sum int64) {
	t.Helper()
	objects, err := origin.Modern().Objects("http://origin:81")
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range objects {
		if o.Type == "image/jpeg" {
			sum += o.Size
		}
	}
	return sum
}
