package findings_test

import (
	"fmt"
	"strings"
	"testing"

	"smtptap/decode/findings"
	"smtptap/decode/lang"
)

// crowd is a session of n recipients of which every third is refused, each in
// other words.
func crowd(n int) string {
	var b strings.Builder
	b.WriteString(loggedIn + mail)
	for i := range n {
		fmt.Fprintf(&b, "C: RCPT TO:<user%d@example.net>\n", i)
		if i%3 == 0 {
			fmt.Fprintf(&b, "S: 550 5.1.1 <user%d@example.net>: Recipient address rejected: User unknown in virtual table %c\n", i, 'a'+i%26)
		} else {
			b.WriteString("S: 250 2.1.5 Ok\n")
		}
	}
	return b.String() + content + "S: 250 2.0.0 Ok: queued as 4XYZ12\n" + quit
}

func BenchmarkAnalyze(b *testing.B) {
	for _, c := range []struct{ name, script string }{
		{"sent", sent},
		{"refused", hello + login + "S: 535 5.7.8 Error: authentication failed\n" + quit},
		{"5000 entries", crowd(2500)},
	} {
		tr := play(b, c.script)
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				findings.Analyze(tr, lang.English)
			}
		})
	}
}
