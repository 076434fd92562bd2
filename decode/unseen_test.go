package decode_test

import (
	"testing"

	"smtptap/decode"
	"smtptap/decode/who"
)

// TestUnseenMessage feeds what a log shows that leaves the message out, with
// the dot that ended it and without.
func TestUnseenMessage(t *testing.T) {
	for name, dot := range map[string]string{"with dot": ".\r\n", "without dot": ""} {
		t.Run(name, func(t *testing.T) {
			var d decode.Dialogue
			var kinds []decode.Kind
			var last *decode.Reply
			take := func(out decode.Out) {
				for _, e := range out.Events {
					kinds = append(kinds, e.Kind)
					if e.Reply != nil {
						last = e.Reply
					}
				}
			}
			take(d.Feed(0, who.Server, []byte("220 mx.example.com\r\n")))
			take(d.Feed(0, who.Client, []byte("DATA\r\n")))
			take(d.Feed(0, who.Server, []byte("354 go ahead\r\n")))
			take(d.Skip(0, who.Client, 405, decode.WhyNotInLog))
			take(d.Feed(0, who.Client, []byte(dot)))
			take(d.Feed(0, who.Server, []byte("250 queued\r\n")))
			want := []decode.Kind{decode.KindGreeting, decode.KindCommand, decode.KindReply, decode.KindMissing}
			if dot != "" {
				want = append(want, decode.KindEndOfData)
			}
			want = append(want, decode.KindReply)
			if len(kinds) != len(want) {
				t.Fatalf("events %v, want %v", kinds, want)
			}
			for i := range want {
				if kinds[i] != want[i] {
					t.Errorf("event %d is %v, want %v", i, kinds[i], want[i])
				}
			}
			if last.ToVerb != "." {
				t.Errorf("the last reply answers %q, want the end of data", last.ToVerb)
			}
		})
	}
}
