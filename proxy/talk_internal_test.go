package proxy

import (
	"io"
	"net"
	"testing"

	"smtptap/decode/who"
	"smtptap/recordings/transcript"
)

func TestHear(t *testing.T) {
	for _, c := range []struct{ name, before, sent, reply, rest string }{
		{"one line", "", "220 ready\r\n", "220 ready\r\n", ""},
		{"several lines", "", "250-a\r\n250-b\r\n250 c\r\n", "250-a\r\n250-b\r\n250 c\r\n", ""},
		{"more than the reply", "", "250 a\r\n220 b\r\n", "250 a\r\n", "220 b\r\n"},
		{"its beginning was read before", "250-a\r\n25", "0 b\r\n", "250-a\r\n250 b\r\n", ""},
		{"all was read before", "250 a\r\nx", "", "250 a\r\n", "x"},
		{"bare line feeds", "", "250-a\n250 b\n", "250-a\n250 b\n", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			near, far := net.Pipe()
			defer near.Close()
			s := newSession(&Proxy{}, Listener{}, near)
			s.log = transcript.NewSet(transcript.Options{}).Begin(transcript.Session{SplitLegs: true})
			go func() {
				io.WriteString(far, c.sent)
				far.Close()
			}()
			reply, rest, err := s.hear(near, []byte(c.before))
			if err != nil || string(reply) != c.reply || string(rest) != c.rest {
				t.Errorf("heard %q, %q, %v; want %q, %q", reply, rest, err, c.reply, c.rest)
			}
			for _, e := range s.log.Transcript().Entries {
				if e.From != who.Server || e.To != who.Smtptap {
					t.Errorf("noted from %v to %v", e.From, e.To)
				}
			}
		})
	}
}

func TestHearClosed(t *testing.T) {
	near, far := net.Pipe()
	defer near.Close()
	s := newSession(&Proxy{}, Listener{}, near)
	s.log = transcript.NewSet(transcript.Options{}).Begin(transcript.Session{SplitLegs: true})
	go func() {
		io.WriteString(far, "250-a\r\n")
		far.Close()
	}()
	if reply, _, err := s.hear(near, nil); err == nil {
		t.Errorf("heard %q where no reply ended", reply)
	}
}

func TestPrefixConn(t *testing.T) {
	near, far := net.Pipe()
	go func() {
		io.WriteString(far, "def")
		far.Close()
	}()
	got, err := io.ReadAll(withPrefix(near, []byte("abc")))
	if err != nil || string(got) != "abcdef" {
		t.Errorf("read %q, %v", got, err)
	}
}
