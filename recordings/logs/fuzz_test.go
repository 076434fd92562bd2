package logs_test

import (
	"bytes"
	"os"
	"testing"

	"smtptap/decode/visible"
	"smtptap/decode/who"
	"smtptap/recordings/logs"
)

// FuzzParse: no text makes the reader panic, every event's bytes can be read
// back, and what it says itself is safe to print.
func FuzzParse(f *testing.F) {
	for i, name := range logFiles(f) {
		if i%6 != 0 {
			continue
		}
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	for _, text := range []string{
		"", "220", "250-", "SERVER -> CLIENT: ", "++ Starting Swift_SmtpTransport\n<< 220 x\n>> ", "{\"log\":\"220 x\\n\"}",
		"SMTP -> FROM SERVER:\n220 x\nSMTP -> ERROR: x: 550", "└──220 x\nSERVER 1:\n└──220 x", "BDAT 9999999999999999999 LAST\n250 x",
		"DEBUG SMTP: AUTH LOGIN command trace suppressed\nDEBUG SMTP: AUTH LOGIN succeeded\n", "354 x\n.\n.\n250 x",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		all, err := logs.ParseAll(bytes.NewReader(data))
		if err != nil {
			return
		}
		if n := logs.Decisive(all); n < 0 || n >= len(all) {
			t.Fatalf("decisive session %d of %d", n, len(all))
		}
		for _, tr := range all {
			for _, s := range tr.CannotShow {
				if s.String() != visible.Text(s.String()) {
					t.Errorf("unsafe sentence %q", s)
				}
			}
			for _, e := range tr.Entries {
				if e.Event == nil {
					continue
				}
				if _, err := tr.Bytes(who.ClientLeg, e.Event.Side, e.Event.Span); err != nil {
					t.Errorf("%v: %v", e.Event.Kind, err)
				}
			}
		}
	})
}
