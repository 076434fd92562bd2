package export_test

import (
	"bytes"
	"strings"
	"testing"

	"smtptap/decode/lang"
	"smtptap/recordings/export"
)

// What smtptap says of a session is in the language asked for; what was said in
// it, ids and keys are as they are.
func TestLanguages(t *testing.T) {
	for _, format := range []string{"text", "markdown", "html", "json", "pcapng"} {
		for l, want := range map[lang.Lang]string{lang.English: "Partly sent", lang.Chinese: "部分发送"} {
			var b bytes.Buffer
			if err := export.Write(&b, sample(false, ""), format, l, nil); err != nil {
				t.Fatal(err)
			}
			for _, word := range []string{want, "RCPT-UNKNOWN-550"} {
				if !strings.Contains(b.String(), word) {
					t.Errorf("%s in %s lacks %q", format, l, word)
				}
			}
		}
	}
}
