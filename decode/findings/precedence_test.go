package findings_test

import (
	"testing"

	"smtptap/decode"
	"smtptap/decode/findings"
)

// Where several findings recognise a reply, the catalogue declares which is taken.
// The test prints these replies when it is verbose.
func TestPrecedence(t *testing.T) {
	read, claims := 0, map[string]bool{}
	look := func(tr *decode.Transcript) {
		read++
		findings.Claims(tr, func(reply, taken string, others, undecided []string) {
			if claims[reply+taken] {
				return
			}
			claims[reply+taken] = true
			t.Logf("%s goes before %v: %s", taken, others, reply)
			if len(undecided) > 0 {
				t.Errorf("%s and %v recognise %q, and no `over` says which is taken", taken, undecided, reply)
			}
		})
	}
	for _, c := range allRulings {
		look(c.session(t))
	}
	for _, row := range replyRows(t) {
		look(play(t, row.text))
	}
	for _, w := range ownWords {
		look(play(t, w.script+"S: "+w.reply+"\n"))
	}
	t.Logf("of %d sessions, %d replies are claimed by several findings", read, len(claims))
}
