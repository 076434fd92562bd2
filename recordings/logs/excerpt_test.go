package logs_test

import (
	"fmt"
	"strings"
	"testing"

	"smtptap/recordings/logs"
)

// TestVeryLong finds a failure in the middle of a text of which most is left
// out, and says that it is.
func TestVeryLong(t *testing.T) {
	if raced {
		t.Skip("nothing runs beside anything here, and it is slow")
	}
	t.Parallel()
	const refused = "MAIL FROM:<a@example.org>\n250 ok\nRCPT TO:<b@example.net>\n550 5.1.1 no such user\n"
	const sent = "MAIL FROM:<a@example.org>\n250 ok\nRCPT TO:<c@example.net>\n250 ok\nDATA\n354 go\nSubject: x\n.\n250 queued\n"
	for name, same := range map[string]string{
		"one session":   sent,
		"many sessions": "220 x\nEHLO x\n250 x\n" + sent + "QUIT\n221 bye\n",
		"noise":         "2024-06-03 10:00:00 worker 7 has nothing to do\n",
	} {
		t.Run(name, func(t *testing.T) {
			half := strings.Repeat(same, 25000/strings.Count(same, "\n"))
			all, err := logs.ParseAll(strings.NewReader("220 x\nEHLO x\n250 x\n" + half + refused + half + "QUIT\n221 bye\n"))
			if err != nil {
				t.Fatal(err)
			}
			tr := all[logs.Decisive(all)]
			if got := verdict(tr); got != "RCPT-UNKNOWN-550" {
				t.Errorf("verdict %s", got)
			}
			if gaps := fmt.Sprint(tr.CannotShow); !strings.Contains(gaps, "are left out") {
				t.Errorf("nobody is told of the gap:\n%s", gaps)
			}
			if n := len(all); n > 500 {
				t.Errorf("%d sessions are told", n)
			}
		})
	}
}

// TestAllocations holds what a line costs: as much in a log of ten times the
// length, and nothing once most of the log is left out.
func TestAllocations(t *testing.T) {
	if raced {
		t.Skip("the detector allocates too")
	}
	for name, line := range map[string]string{
		"commands":    "CLIENT -> SERVER: MAIL FROM:<a%d@example.org>\n",
		"replies":     "SERVER -> CLIENT: 250 2.1.0 ok %d\n",
		"sessions":    "220 x\nEHLO x%d\n250 x\nQUIT\n221 x\n",
		"blank lines": "\n",
	} {
		cost := func(lines int) float64 {
			text := sized("220 x\nEHLO x\n250 x\n", line, "QUIT\n221 x\n", lines/strings.Count(line, "\n")*len(line))
			return testing.AllocsPerRun(1, func() { parse(t, text) })
		}
		few, many, tooMany := cost(500), cost(5000), cost(60000)
		if per := (many - few) / 4500; per > 25 {
			t.Errorf("%s: %.1f allocations a line, %.0f for 500 lines and %.0f for 5,000", name, per, few, many)
		}
		if tooMany > 8*many {
			t.Errorf("%s: %.0f allocations for 5,000 lines and %.0f for 60,000", name, many, tooMany)
		}
	}
}
