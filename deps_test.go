package linger

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/lingerhttp/linger"

// arrows says what of ours each room may import, and why no more. A room that is
// not named here may not exist: name it, and draw its arrows.
var arrows = map[string]struct {
	may []string
	why string
}{
	"timeline":         {nil, "the vocabulary is everybody's"},
	"internal/http1":   {nil, "one parser for the client, the explainer and the proxy"},
	"origin":           {nil, "the server side must not know the client it serves"},
	"sockets":          {nil, "the kernel's view is everybody's"},
	"packet":           {nil, "the first stage of the packet flow, which goes one way"},
	"internal/packets": {[]string{"packet"}, "tests of the packet flow build their packets here"},
	"flow":             {[]string{"packet"}, "the second stage of the packet flow"},
	"exchange":         {[]string{"packet", "flow", "internal/http1"}, "the third stage of the packet flow"},
	"cause":            {[]string{"packet", "flow", "exchange", "timeline"}, "the last stage of the packet flow: it writes what the client writes, too"},
	"grade":            {[]string{".", "timeline", "link", "lab", "packet", "cause"}, "it judges the packet flow by what the lab knows, as a program would"},
	"sniff":            {nil, "where packets come from must not know what becomes of them"},
	"link":             {nil, "the physics is everybody's: it knows neither packets' bytes nor who sends them"},
	"lab":              {[]string{"link", "packet"}, "a network must not know what is measured on it"},
	".":                {[]string{"timeline", "sockets", "internal/http1"}, "the client must not know how it is watched"},
	"page":             {[]string{"timeline"}, "it runs over any RoundTripper, so that it can be compared with the standard one"},
	"report":           {[]string{"timeline"}, "one door for both flows"},
	"otel":             {[]string{".", "timeline"}, "it wraps the client; nothing imports it"},
	"prometheus":       {[]string{".", "timeline"}, "it asks the client; nothing imports it"},
	"example":          {[]string{".", "timeline"}, "a program like those of others"},
	"repro":            {[]string{".", "timeline", "page", "origin", "link", "lab", "packet"}, "experiments use everything as a program would"},
	"cmd/linger":       {[]string{".", "timeline", "page", "origin", "report", "link", "lab", "repro", "sockets", "sniff", "packet", "flow", "exchange", "cause", "grade"}, "nothing imports a command"},
}

// TestArrows holds the imports of every room against the table.
func TestArrows(t *testing.T) {
	seen := make(map[string]bool)
	err := filepath.WalkDir(".", func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() {
			if file != "." && (strings.HasPrefix(name, ".") || name == "testdata" || name == "bench" || name == "docs") {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		room := path.Clean(filepath.ToSlash(filepath.Dir(file)))
		seen[room] = true
		checkArrows(t, room, file)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for room := range arrows {
		if !seen[room] {
			t.Errorf("the table draws arrows for %s, which is not there", room)
		}
	}
}

func checkArrows(t *testing.T, room, file string) {
	rule, known := arrows[room]
	if !known {
		t.Errorf("%s: no arrows are drawn for the room %s", file, room)
		return
	}
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
	if err != nil {
		t.Error(err)
		return
	}
	for _, spec := range f.Imports {
		imported, _ := strconv.Unquote(spec.Path.Value)
		if imported != module && !strings.HasPrefix(imported, module+"/") {
			continue
		}
		to := strings.TrimPrefix(strings.TrimPrefix(imported, module), "/")
		if to == "" {
			to = "."
		}
		if !slices.Contains(rule.may, to) {
			t.Errorf("%s imports %s, but %s may import only %v: %s", file, to, room, rule.may, rule.why)
		}
	}
}

// TestVocabularyIsStandard holds timeline to the standard library.
func TestVocabularyIsStandard(t *testing.T) {
	files, err := filepath.Glob("timeline/*.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files in timeline: %v", err)
	}
	for _, file := range files {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, spec := range f.Imports {
			imported, _ := strconv.Unquote(spec.Path.Value)
			if first, _, _ := strings.Cut(imported, "/"); strings.Contains(first, ".") {
				t.Errorf("%s imports %s, which is not of the standard library", file, imported)
			}
		}
	}
}

// TestTheClientIsLight: a program that imports linger alone compiles nothing that
// is not named here. What tells others of it, otel and prometheus, is for those who
// ask for it.
func TestTheClientIsLight(t *testing.T) {
	light := []string{module, "golang.org/x/net", "golang.org/x/sys", "golang.org/x/text"}
	list := exec.Command("go", "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", ".")
	out, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	all := strings.Fields(string(out))
	if !slices.Contains(all, module) {
		t.Fatalf("the client is not among what it needs: %v", all)
	}
	for _, path := range all {
		within := func(m string) bool { return path == m || strings.HasPrefix(path, m+"/") }
		if !slices.ContainsFunc(light, within) || within(module+"/otel") || within(module+"/prometheus") {
			t.Errorf("a program that imports linger compiles %s", path)
		}
	}
}
