package cli

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/pelletier/go-toml/v2"

	"smtptap/decode/lang"
	"smtptap/decode/lang/langtest"
)

// eachFile gives visit the files of the project that end so, tests left out.
func eachFile(t *testing.T, ending string, visit func(path string)) {
	t.Helper()
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "testdata" || d.Name() == ".git"):
			return fs.SkipDir
		case strings.HasSuffix(path, ending) && !strings.HasSuffix(path, "_test.go"):
			visit(path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Every text in every file of data is there in both languages, and in the
// project's voice.
func TestAllTexts(t *testing.T) {
	var look func(where string, value any)
	look = func(where string, value any) {
		switch v := value.(type) {
		case []any:
			for _, item := range v {
				look(where, item)
			}
		case map[string]any:
			en, english := v["en"].(string)
			zh, chinese := v["zh"].(string)
			if english || chinese {
				langtest.Text(t, where, lang.Text{En: en, Zh: zh})
			}
			for name, item := range v {
				look(where+" "+name, item)
			}
		}
	}
	eachFile(t, ".toml", func(path string) {
		data, err := os.ReadFile(path)
		var document map[string]any
		if err == nil {
			err = toml.Unmarshal(data, &document)
		}
		if err != nil {
			t.Fatal(path, err)
		}
		look(path, document)
	})
}

// catalogue is the texts of a package, by the name that code knows them by.
func catalogue(t *testing.T, path, name string) map[string]lang.Text {
	t.Helper()
	if name == "facts" {
		path = "../../decode/facts/x"
	}
	data, err := os.ReadFile(filepath.Join(filepath.Dir(path), "words.toml"))
	if err != nil {
		return nil
	}
	return lang.NewTexts(data).All()
}

// What code says is in the catalogue, and all that the text wants is given.
func TestSaidTextsExist(t *testing.T) {
	eachCall(t, func(path string, at token.Position, on, method string, args []ast.Expr, spread bool) {
		if !slices.Contains([]string{"words Error", "words Say", "facts Say", "facts NewNote", "facts Sentence"}, on+" "+method) {
			return
		}
		if on == "words" && method == "Say" && len(args) > 0 {
			args = args[1:]
		}
		texts := catalogue(t, path, on)
		if len(args) == 0 || texts == nil {
			return
		}
		key, literal := text(args[0])
		if !literal {
			return
		}
		said, found := texts[key]
		if !found {
			t.Errorf("%s: there is no text %q", at, key)
			return
		}
		for _, name := range lang.Placeholders(required.ReplaceAllString(said.En, "")) {
			if !spread && !slices.ContainsFunc(args[1:], func(a ast.Expr) bool { s, _ := text(a); return s == name }) {
				t.Errorf("%s: %q wants {%s}", at, key, name)
			}
		}
	})
}

// required is what a text can do without.
var required = regexp.MustCompile(`\[[^\[\]]*\]`)

// maySpeak are calls whose arguments are for logs and programmers, or are
// patterns and names; and files that speak to peers or copy what others print.
var (
	maySpeak = regexp.MustCompile(`^(Msg|Msgf|MustCompile|newPattern|panic|Fatalf?|Skipf?|Fields|Split|own|refuse|say|Count|NewDesc|Contains|Replace|sub)$`)
	speakers = regexp.MustCompile(`^(proxy/sink|proxy/demo|proxy/smtptest|proxy/session/(responder|guard|farewell|says|transaction|rules/(help|parse))|proxy/(proxy|limits|origin).go|recordings/(record|writer|pulse).go|decode/facts/sentence.go|tui/cli/telemetry.go|recordings/logs/|recordings/export/phpmailer|decode/(findings|meaning|outcome|message|stray|echo)|recordings/redact/notations|tui/terminal|tui/attach/|proxy/standin/part.go|proxy/telemetry|.*test/)`)
)

// Prose that people read is data. A string of five words in code is not.
func TestNoProseInCode(t *testing.T) {
	word := regexp.MustCompile(`^[A-Za-z][a-z'-]*[.,:;]?$`)
	eachFile(t, ".go", func(path string) {
		if speakers.MatchString(strings.TrimPrefix(path, "../../")) {
			return
		}
		files := token.NewFileSet()
		file, err := parser.ParseFile(files, path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok {
				_, method := called(call)
				return !maySpeak.MatchString(method)
			}
			if s, literal := text(n); literal {
				count := 0
				for _, w := range strings.Fields(s) {
					if word.MatchString(w) {
						count++
					}
				}
				if count >= 5 {
					t.Errorf("%s: %q: put it into words.toml", files.Position(n.Pos()), s)
				}
			}
			return true
		})
	})
}

// eachCall visits the calls of all code.
func eachCall(t *testing.T, visit func(path string, at token.Position, on, method string, args []ast.Expr, spread bool)) {
	eachFile(t, ".go", func(path string) {
		files := token.NewFileSet()
		file, err := parser.ParseFile(files, path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok {
				on, method := called(call)
				visit(path, files.Position(n.Pos()), on, method, call.Args, call.Ellipsis.IsValid())
			}
			return true
		})
	})
}

// called is what a call calls: method of on, or a function.
func called(call *ast.CallExpr) (on, method string) {
	switch f := call.Fun.(type) {
	case *ast.Ident:
		return "", f.Name
	case *ast.SelectorExpr:
		if x, ok := f.X.(*ast.Ident); ok {
			on = x.Name
		}
		return on, f.Sel.Name
	}
	return "", ""
}

// text is a literal string.
func text(n ast.Node) (string, bool) {
	lit, ok := n.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return "", false
	}
	s, err := strconv.Unquote(lit.Value)
	return s, err == nil
}
