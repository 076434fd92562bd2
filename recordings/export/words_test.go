package export_test

import (
	"bytes"
	"os"
	"testing"

	"smtptap/decode/lang"
	"smtptap/recordings/export"
)

// The pages about the findings are up to date.
func TestCataloguePages(t *testing.T) {
	for l, path := range map[lang.Lang]string{lang.English: "../../.github/FINDINGS.md", lang.Chinese: "../../.github/FINDINGS.zh-CN.md"} {
		var b bytes.Buffer
		if err := export.CataloguePage(&b, l); err != nil {
			t.Fatal(err)
		}
		if *update {
			if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if page, err := os.ReadFile(path); err != nil || !bytes.Equal(page, b.Bytes()) {
			t.Errorf("%s is out of date (%v): go test ./recordings/export -update writes it", path, err)
		}
	}
}
