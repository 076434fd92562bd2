package findings

import (
	"io/fs"
	"slices"
	"strings"
	"testing"
)

// Every file of the catalogue is read.
func TestEveryPartIsRead(t *testing.T) {
	names, err := fs.Glob(files, "catalogue/*.toml")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		part := strings.TrimSuffix(strings.TrimPrefix(name, "catalogue/"), ".toml")
		if !slices.Contains([]string{"providers", "clients", "verdicts", "precedence"}, part) && !slices.Contains(parts(), part) {
			t.Errorf("%s is not among the parts", name)
		}
	}
}

// What the catalogue names is in the registry, and what is in the registry is
// named. Reading the catalogue panics at a finder that is not there.
func TestRegistry(t *testing.T) {
	unused := map[string]bool{}
	for name := range finders {
		unused[name] = true
	}
	for name := range predicates {
		unused["also "+name] = true
	}
	first := func(spec string) string { name, _, _ := strings.Cut(spec, " "); return name }
	for _, r := range catalogue() {
		delete(unused, first(r.Find))
		delete(unused, first(r.Lint.Find))
		for _, w := range r.When {
			if name := first(w.Also); w.Also != "" && predicates[name] == nil {
				t.Errorf("%s: no predicate is called %s", r.ID, name)
			}
			delete(unused, "also "+first(w.Also))
			if w.Said != "" && (w.Text != "" || w.To != "" || w.Code != "" || w.Enhanced != "" || w.Also != "") {
				t.Errorf("%s: a condition on what is said looks at no reply", r.ID)
			}
			for _, p := range strings.Fields(w.By) {
				if provider(p).name() == "" {
					t.Errorf("%s: no provider is called %s", r.ID, p)
				}
			}
		}
		for p := range r.At {
			if p.name() == "" {
				t.Errorf("%s: no provider is called %s", r.ID, p)
			}
		}
		if len(r.When) == 0 && r.find == nil {
			t.Errorf("%s looks for nothing", r.ID)
		}
	}
	for name := range unused {
		t.Errorf("nothing in the catalogue names %s", name)
	}
}

// Providers that Go looks for are in the catalogue.
func TestProviders(t *testing.T) {
	for p := range ownNames {
		if p.name() == "" {
			t.Errorf("the catalogue has no provider %s", p)
		}
	}
}

func BenchmarkReadCatalogue(b *testing.B) {
	for b.Loop() {
		for _, part := range parts() {
			var file struct {
				Finding []rule `toml:"finding"`
			}
			readCatalogue(part, &file)
		}
	}
}
