package cli

import (
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// An arrow is an import that must not be, and why. Packages are named by their
// path below the module; a name stands for the packages below it too.
var forbidden = []struct {
	from   string
	except []string
	to     string
	why    string
}{
	{"decode", nil, "smtptap/recordings", "decode is bytes in, events out: it must work on anything"},
	{"decode", nil, "smtptap/proxy", "decode knows no sockets"},
	{"decode", nil, "smtptap/tui", "decode knows no screen"},
	{"decode", nil, "os", "decode does no I/O"},
	{"decode", nil, "net", "decode does no I/O"},
	{"decode", nil, "sync/atomic", "a dialogue belongs to one goroutine"},
	{"recordings", []string{"recordings/transcript", "recordings/export", "recordings/logs", "recordings/capture", "recordings/redact", "recordings/diff", "recordings/query", "recordings/expect"}, "smtptap/decode", "the format stores what happened and knows nothing of what it means"},
	{"recordings", nil, "smtptap/proxy", "a recording is read where no proxy is"},
	{"recordings", nil, "smtptap/tui", "a recording is read where no screen is"},
	{"proxy", []string{"proxy/e2e"}, "smtptap/tui", "the proxy does not know that a screen exists"},
	{"tui", []string{"tui/cli"}, "smtptap/proxy", "the screen never touches a socket"},
	{"tui", []string{"tui/attach", "tui/cli", "tui/web"}, "net", "the screen never touches a socket"},
	{"", []string{"proxy/upstream"}, "github.com/miekg/dns", "DNS questions are asked in one place, through our own interface"},
	{"", []string{"tui"}, "github.com/charmbracelet/bubbletea", "only the screen knows its framework"},
	{"", []string{"tui"}, "github.com/charmbracelet/bubbles", "only the screen knows its framework"},
	{"", []string{"tui/agent", "tui/cli"}, "github.com/modelcontextprotocol/go-sdk", "only the agents' server knows their protocol"},
	{"", []string{"proxy", "tui/cli"}, "github.com/rs/zerolog", "libraries return errors; the proxy and the command line log"},
	{"", []string{"recordings/store"}, "github.com/minio/minio-go", "one package knows of object stores"},
	{"", nil, "log", "zerolog is the log"},
}

func below(name, dir string) bool {
	return dir == "" || name == dir || strings.HasPrefix(name, dir+"/")
}

func TestArrows(t *testing.T) {
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", "smtptap/...").Output()
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../../.github/ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	packages := 0
	for dec := json.NewDecoder(strings.NewReader(string(out))); dec.More(); {
		var p struct {
			ImportPath string
			Imports    []string
		}
		if err := dec.Decode(&p); err != nil {
			t.Fatal(err)
		}
		packages++
		name := strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, "smtptap"), "/")
		checkArrows(t, name, p.Imports)
		if name != "" && name != "proxy/e2e" && !strings.Contains(string(page), "`"+name+"`") {
			t.Errorf("ARCHITECTURE.md does not say what %s is for", name)
		}
	}
	if packages < 10 {
		t.Fatalf("go list names %d packages", packages)
	}
}

func checkArrows(t *testing.T, name string, imports []string) {
	t.Helper()
next:
	for _, f := range forbidden {
		if !below(name, f.from) {
			continue
		}
		for _, e := range f.except {
			if below(name, e) {
				continue next
			}
		}
		for _, i := range imports {
			switch i {
			case "smtptap/decode/who", "smtptap/decode/lang", "smtptap/decode/facts", "smtptap/decode/units", "smtptap/decode/visible":
				continue // who speaks, and how facts and errors are put into words, is the same everywhere
			}
			if i == f.to || strings.Contains(f.to, "/") && below(i, f.to) {
				t.Errorf("%s imports %s: %s", name, i, f.why)
			}
		}
	}
}
