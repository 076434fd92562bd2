package transcript_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"smtptap/decode/facts"
	"smtptap/decode/who"
	"smtptap/recordings/transcript"
)

var update = flag.Bool("update", false, "write the golden files anew")

// A recording of version 1 reads for ever as it did. It is never written anew.
func TestVersion1(t *testing.T) {
	tr, damage, err := transcript.Load(filepath.Join("testdata", "version1.smtptap"))
	if err != nil || damage != nil {
		t.Fatal(err, damage)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s listen %s target %s mode %s\n", tr.ID, tr.Started.Format("2006-01-02T15:04:05.999999999Z07:00"), tr.Listen, tr.Target, tr.Mode)
	for _, e := range tr.Entries {
		fmt.Fprintf(&b, "%v %c>%c ", e.At, e.From.Letter(), e.To.Letter())
		if e.Event != nil && e.Leg == who.ServerLeg {
			b.WriteString("upstream ")
		}
		if e.Fact != nil {
			data, err := facts.Marshal(e.Fact)
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&b, "%s %s\n", e.Fact.Type(), data)
			continue
		}
		text := e.Event.Raw
		if text == nil && e.Event.Span.Len() > 0 {
			if text, err = tr.Bytes(e.Leg, e.Event.Side, e.Event.Span); err != nil {
				t.Error(err)
			}
		}
		fmt.Fprintf(&b, "%s %v tls %v %q", e.Event.Kind, e.Event.Span, e.Event.TLS, text)
		if e.Event.Missing != nil {
			fmt.Fprintf(&b, " %d bytes %s", e.Event.Missing.Bytes, e.Event.Missing.Why)
		}
		b.WriteString("\n")
	}
	golden := filepath.Join("testdata", "version1.golden")
	if *update {
		if err := os.WriteFile(golden, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if b.String() != string(want) {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}
