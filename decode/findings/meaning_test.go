package findings_test

import (
	"testing"

	"smtptap/decode/findings"
	"smtptap/decode/lang"
	"smtptap/decode/meaning"
)

// Whatever a reply or an error may mean is a finding of the catalogue.
func TestMeaningsAreFindings(t *testing.T) {
	for _, id := range meaning.IDs() {
		if _, found := findings.Find(id, lang.English); !found {
			t.Errorf("the catalogue lacks %s", id)
		}
	}
}
