package redact_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"smtptap/recordings/redact"
)

// The last look at what is written finds an identity in each notation, cut in
// any way, and takes no other name for it.
func TestNothingWithheldIsWritten(t *testing.T) {
	withheld := []string{"ida.x@two.corp", "pc17.two.corp", "10.1.2.3", "xn--bcher-kva.corp"}
	for _, text := range []string{
		"to ida.x@two.corp.", "to <IDA.X@Two.corp>", "ORCPT=rfc822;ida.x+40two.corp", "ORCPT=rfc822;ida+2Ex+40two.corp", "?to=ida.x%40two.corp", "ida.x&#64;two.corp", `"ida.x\u0040two.corp"`,
		`"\u003cida.x@two.corp\u003e"`, "=?utf-8?q?to_ida.x=40two.corp?=", "it is " + b64("write to ida.x@two.corp"), "#0c0e" + hex.EncodeToString([]byte("ida.x@two.corp")), "to ida.x=40two.corp",
		"at pc17.two.corp:25", "from [10.1.2.3]", "bücher.corp", "xn--bcher-kva.corp",
	} {
		for _, size := range []int{1, 7, 1000} {
			var out bytes.Buffer
			g := redact.Guard(&out, nil, withheld...)
			var err error
			for rest := "a line\n" + text + "\nand one\n"; rest != "" && err == nil; {
				n := min(size, len(rest))
				_, err = g.Write([]byte(rest[:n]))
				rest = rest[n:]
			}
			if err == nil {
				err = g.Close()
			}
			if !errors.Is(err, redact.ErrIdentity) || strings.Contains(out.String(), text) {
				t.Errorf("%q, %d at a time: %v, %q written", text, size, err, out.String())
			}
		}
	}
	var out bytes.Buffer
	g := redact.Guard(&out, nil, withheld...)
	const harmless = "aida.x@two.corp, ida.x@two.corporation, pc17.two.corp.example, 110.1.2.3, user1@host1.example\n"
	if _, err := g.Write([]byte(harmless)); err != nil {
		t.Error(err)
	}
	if err := g.Close(); err != nil || out.String() != harmless {
		t.Errorf("%v, %q written", err, out.String())
	}
}
