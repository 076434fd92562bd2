package decode_test

import (
	"fmt"
	"strings"
	"testing"

	"smtptap/decode"
	"smtptap/decode/who"
)

// cued feeds a dialogue that is written one line a row: who says it, what the
// line is, and the line. "C" is a command, "L" a line of a login, "M" begins a
// message and "m" goes on with it, "S" is a reply to what the word after it
// names ("3:RCPT", "-:AUTH", "greeting" or "-"), "s" another line of it, "e" its
// end although its last line is missing.
func cued(t *testing.T, rows string) (events []decode.Event, sent [3]int64) {
	t.Helper()
	d := &decode.Dialogue{Lenient: true, MidSession: true}
	take := func(out decode.Out) {
		for _, p := range out.Pieces {
			sent[p.Side] += int64(len(p.Bytes))
			if p.Mask != nil {
				sent[p.Side] += int64(len(decode.MaskText))
			}
		}
		events = append(events, out.Events...)
	}
	for row := range strings.Lines(rows) {
		what, text, _ := strings.Cut(strings.TrimSpace(row), " ")
		side := who.Client
		switch what {
		case "C", "L", "M":
			take(d.Cue(decode.Cue{Side: side, Login: what == "L", Message: what == "M"}))
		case "m":
		case "S":
			side = who.Server
			to, rest, _ := strings.Cut(text, " ")
			text = rest
			c := decode.Cue{Side: side, To: -1, Greeting: to == "greeting"}
			if seq, verb, found := strings.Cut(to, ":"); found {
				c.Verb = verb
				fmt.Sscan(seq, &c.To)
			}
			take(d.Cue(c))
		case "s":
			side = who.Server
		case "e":
			take(d.EndReply(0))
			continue
		default:
			t.Fatalf("what is %q?", row)
		}
		take(d.Feed(0, side, []byte(text+"\r\n")))
	}
	take(d.Closed(0, who.Client))
	take(d.Closed(0, who.Server))
	return events, sent
}

func TestLenient(t *testing.T) {
	tests := []struct{ name, rows, want string }{
		{"a reply without its command", "S -:RCPT 550 no", "reply -1 RCPT"},
		{"a reply that answers nothing", "S - 550 no", "reply -1 -"},
		{"a command without its reply", "C EHLO a\nC MAIL FROM:<a@example.org>\nS 1:MAIL 250 ok", "command, command, reply 1 MAIL"},
		{"DATA without 354", "C DATA\nM Subject: x\nm .\nS 2:. 250 ok", "command, header, end-of-data, reply 2 ."},
		{"a message without its dot", "M Subject: x\nm\nm text\nS 1:. 250 ok\nC QUIT", "header, body, reply 1 ., command"},
		{"a login without prompts", "C AUTH LOGIN\nL dXNlcg==\nL cGFzcw==\nS 2:AUTH 535 no", "command, auth, auth, reply 2 AUTH"},
		{"a reply without its last line", "C EHLO a\nS 0:EHLO 250-x\ns 250-SIZE\ne\nC QUIT", "command, reply 0 EHLO, command"},
		{"a STARTTLS that nothing answers", "C STARTTLS\nC EHLO a\nS 1:EHLO 250 a", "command, command, reply 1 EHLO"},
		{"the greeting after the client", "C EHLO a\nS greeting 220 x\nS 0:EHLO 250 a", "command, greeting -1 -, reply 0 EHLO"},
		{"a reply between whose lines the client speaks", "C EHLO a\nS 0:EHLO 250-x\nC QUIT\ns 250 SIZE\nS 1:QUIT 221 x", "command, command, reply 0 EHLO, reply 1 QUIT"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			events, sent := cued(t, tt.rows)
			var got []string
			var end [3]int64
			for i := range events {
				e := &events[i]
				if e.Span.Start != end[e.Side] {
					t.Errorf("event %d begins at %d, the one before ends at %d", i, e.Span.Start, end[e.Side])
				}
				end[e.Side] = e.Span.End
				s := e.Kind.String()
				if r := e.Reply; r != nil {
					s += fmt.Sprintf(" %d %s", r.To, r.ToVerb)
					if r.ToVerb == "" {
						s += "-"
					}
				}
				got = append(got, s)
				for _, n := range e.Notes {
					if n.ID == "unsolicited-reply" || n.ID == "early-talker" || n.ID == "incomplete-message" {
						t.Errorf("event %d is blamed for what the log leaves out: %s", i, n.ID)
					}
				}
			}
			if all := strings.Join(got, ", "); all != tt.want {
				t.Errorf("got  %s\nwant %s", all, tt.want)
			}
			if end != sent {
				t.Errorf("the events end at %v, the streams at %v", end, sent)
			}
		})
	}
}
