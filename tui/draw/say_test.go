package draw

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"smtptap/decode/lang/langtest"
)

func TestTexts(t *testing.T) { langtest.Texts(t, Texts()) }

// Every text that the screen asks for is there, and each that is there is asked
// for. A key that ends in a hyphen is the beginning of several.
func TestTextsAreThoseAskedFor(t *testing.T) {
	used := map[string]bool{}
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() && d.Name() == "cli" {
			return cmp(err, fs.SkipDir)
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok {
				if f, ok := call.Fun.(*ast.SelectorExpr); ok && f.Sel.Name == "Say" && len(call.Args) > 0 {
					for _, key := range literals(call.Args[0]) {
						if _, there := Texts().All()[key]; !there && !strings.HasSuffix(key, "-") {
							t.Errorf("%s: there is no text %q", path, key)
						}
					}
				}
			}
			if lit, ok := n.(*ast.BasicLit); ok {
				for _, key := range literals(lit) {
					used[key] = true
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for key := range Texts().All() {
		asked := used[key] || used[strings.TrimSuffix(strings.TrimSuffix(key, "-one"), "-many")]
		for i := range key {
			asked = asked || key[i] == '-' && used[key[:i+1]]
		}
		if !asked {
			t.Errorf("nothing asks for the text %q", key)
		}
	}
}

func cmp(err, skip error) error {
	if err != nil {
		return err
	}
	return skip
}

// literals are the strings written in an expression, if it begins with one.
func literals(e ast.Expr) []string {
	switch e := e.(type) {
	case *ast.BasicLit:
		if s, err := strconv.Unquote(e.Value); err == nil && e.Kind == token.STRING {
			return []string{s}
		}
	case *ast.BinaryExpr:
		return literals(e.X)
	}
	return nil
}
