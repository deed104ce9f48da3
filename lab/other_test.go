package lab

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// exported are the functions, methods and types of a file that others may use.
func exported(t *testing.T, file string) []string {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, d := range f.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if name := funcName(d); ast.IsExported(strings.TrimPrefix(name, "*")) && d.Name.IsExported() {
				all = append(all, name)
			}
		case *ast.GenDecl:
			for _, s := range d.Specs {
				if ts, ok := s.(*ast.TypeSpec); ok && ts.Name.IsExported() {
					all = append(all, ts.Name.Name)
				}
			}
		}
	}
	return all
}

func funcName(d *ast.FuncDecl) string {
	if d.Recv == nil {
		return d.Name.Name
	}
	on := d.Recv.List[0].Type
	if p, ok := on.(*ast.StarExpr); ok {
		on = p.X
	}
	return on.(*ast.Ident).Name + "." + d.Name.Name
}

// TestOtherSystems sees that programs compile elsewhere: other.go has everything that
// is Linux' alone.
func TestOtherSystems(t *testing.T) {
	files, err := filepath.Glob("*_linux.go")
	if err != nil {
		t.Fatal(err)
	}
	var here []string
	for _, f := range files {
		here = append(here, exported(t, f)...)
	}
	// These are exec.Cmd's elsewhere.
	here = slices.DeleteFunc(here, func(name string) bool { return strings.HasPrefix(name, "Cmd.") && name != "Cmd.Apart" })
	there := exported(t, "other.go")
	slices.Sort(here)
	slices.Sort(there)
	if !slices.Equal(here, there) {
		t.Errorf("on Linux %v\nelsewhere %v", here, there)
	}
}
