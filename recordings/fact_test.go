package recordings_test

import (
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"smtptap/decode/facts"
	"smtptap/decode/who"
	"smtptap/recordings"
)

// FORMAT.md lists every field of every record of JSON, and no other.
func TestFields(t *testing.T) {
	doc, err := os.ReadFile("FORMAT.md")
	if err != nil {
		t.Fatal(err)
	}
	quoted := regexp.MustCompile("`([A-Za-z]+)`")
	names := func(cells string) (all []string) {
		for _, m := range quoted.FindAllStringSubmatch(cells, -1) {
			all = append(all, m[1])
		}
		return all
	}
	_, rest, _ := strings.Cut(string(doc), "### The facts\n")
	inDoc := map[string][]string{"skip": {"bytes", "why"}}
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z]+)` \\| [^|]+ \\| ([^|]+) \\|$").FindAllStringSubmatch(rest[:strings.Index(rest, "## Whole")], -1) {
		inDoc[row[1]] = names(row[2])
	}
	_, mask, _ := strings.Cut(string(doc), "A mask says")
	for _, row := range regexp.MustCompile("(?m)^\\| (`[^|]+) \\|").FindAllStringSubmatch(mask[:strings.Index(mask, "### The facts")], -1) {
		inDoc["mask"] = append(inDoc["mask"], names(row[1])...)
	}
	for kind, listed := range inDoc {
		f := facts.New(kind)
		if f == nil {
			t.Errorf("no fact is called %q", kind)
			continue
		}
		var fields []string
		if kind == "mask" {
			fields = []string{"userBytes", "authzidBytes"}
		}
		for i := range reflect.TypeOf(f).Elem().NumField() {
			name, _, _ := strings.Cut(reflect.TypeOf(f).Elem().Field(i).Tag.Get("json"), ",")
			fields = append(fields, name)
		}
		slices.Sort(fields)
		slices.Sort(listed)
		if !slices.Equal(fields, listed) {
			t.Errorf("%s has %v, FORMAT.md lists %v", kind, fields, listed)
		}
	}
	if len(inDoc) != 11 {
		t.Errorf("FORMAT.md lists %d facts", len(inDoc))
	}
}

// Names that no JSON string can hold survive.
func TestMask(t *testing.T) {
	for _, m := range []recordings.Mask{
		{What: "password"},
		{What: "credentials", Mechanism: "PLAIN", User: "jane", Authzid: "joe", Facts: []string{"empty"}},
		{What: "credentials", User: "j\xe4ne", Authzid: "\xff"},
	} {
		rec, err := recordings.NewFact(0, who.Client, who.Server, &m)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := rec.Fact(); err != nil || !reflect.DeepEqual(got, recordings.Fact(&m)) {
			t.Errorf("%s: got %+v, %v", rec.Data, got, err)
		}
	}
}
