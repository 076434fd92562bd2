package findings_test

import (
	"encoding/json"
	"os"
	"regexp"
	"testing"

	"smtptap/decode/findings"
	"smtptap/decode/lang"
)

var idForm = regexp.MustCompile(`^[A-Z0-9]+(-[A-Z0-9.]+)+$`)

// The catalogue is whole: unique ids, nothing left out, fixes for PHPMailer in
// its own words.
func TestCatalogueIsWhole(t *testing.T) {
	seen := map[string]bool{}
	for _, e := range findings.Catalogue(lang.English) {
		if seen[e.ID] {
			t.Errorf("%s occurs twice", e.ID)
		}
		seen[e.ID] = true
		if !idForm.MatchString(e.ID) {
			t.Errorf("%s is not of the form of an id", e.ID)
		}
		if len(e.Sources) == 0 {
			t.Errorf("%s names no source", e.ID)
		}
		switch e.Severity {
		case findings.Failure, findings.Warning, findings.Advice:
		default:
			t.Errorf("%s: severity %q", e.ID, e.Severity)
		}
	}
}

func TestFind(t *testing.T) {
	for _, id := range []string{"AUTH-BAD-CREDENTIALS", "auth-bad-credentials", " Auth-Bad-Credentials "} {
		if e, found := findings.Find(id, lang.English); !found || e.ID != "AUTH-BAD-CREDENTIALS" {
			t.Errorf("Find(%q) = %v, %v", id, e.ID, found)
		}
	}
	if e, found := findings.Find("NO-SUCH-ID", lang.English); found {
		t.Errorf("Find found %v", e)
	}
}

// knownFailures is a catalogue of failures that is kept outside the repository.
const knownFailures = "../../../shared/failures.json"

// Everything in the catalogue of known failures is recognised under its id.
func TestKnownFailures(t *testing.T) {
	data, err := os.ReadFile(knownFailures)
	if err != nil {
		t.Skipf("%v: the catalogue of known failures is kept outside the repository", err)
	}
	var known []struct {
		ID string `json:"id"`
	}
	if err := json.Unmarshal(data, &known); err != nil {
		t.Fatal(err)
	}
	missing := 0
	for _, k := range known {
		if _, found := findings.Find(k.ID, lang.English); !found {
			missing++
			t.Errorf("no rule for %s", k.ID)
		}
	}
	t.Logf("%d known failures, %d without a rule", len(known), missing)
}
