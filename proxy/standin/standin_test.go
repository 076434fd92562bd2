package standin_test

import (
	"bufio"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"smtptap/decode"
	"smtptap/decode/decodetest"
	"smtptap/decode/facts"
	"smtptap/decode/who"
	"smtptap/proxy/handshake/certtest"
	"smtptap/proxy/standin"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// recording is a session as it was recorded: "closed server reset" is a peer that
// leaves, "note ID TEXT" what smtptap did, "end CAUSE" how all ended, "cut" that
// nobody knows.
func recording(text string) *decode.Transcript {
	s := decodetest.New(false)
	cause := facts.CauseClosed
	s.Play(text, func(step decodetest.Step) bool {
		word, rest, _ := strings.Cut(step.Rest, " ")
		switch step.Word {
		case "closed":
			leg := map[string]who.Leg{"client": who.ClientLeg, "server": who.ServerLeg}[word]
			s.Fact(&facts.Closed{Leg: leg, How: rest})
		case "note":
			s.Fact(&facts.Note{ID: word, Text: facts.Plain(rest)})
		case "end":
			cause = word
		case "cut":
			cause = ""
		default:
			return false
		}
		return true
	})
	s.Close()
	if cause != "" {
		s.Fact(&facts.End{Cause: cause})
	}
	s.ID = "test"
	return s.Transcript
}

// A session is what the server tells of one.
type session struct {
	mu    sync.Mutex
	notes []string
}

func (s *session) Fact(f facts.Fact) {
	if n, ok := f.(*facts.Note); ok {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.notes = append(s.notes, n.Text.String())
	}
}
func (*session) Ours(netip.AddrPort) bool    { return false }
func (*session) OursAt(string) bool          { return false }
func (*session) Destination() netip.AddrPort { return netip.AddrPort{} }

const patience = 20 * time.Second

// talk has a client say its lines to the server of a recording. It hears as many
// replies as it waits for: "S: 250 " is how one of them must begin, "end" that the
// server ends in an orderly way, "reset" that it resets, "silence" that it says
// nothing more until the client leaves. talk returns the notes on partings.
func talk(t *testing.T, recorded string, o standin.Options, said string) []string {
	t.Helper()
	server, err := standin.New(recording(recorded), o)
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	var ses session
	up, err := server.Dial(t.Context(), &ses)
	if err != nil {
		t.Fatal(err)
	}
	conn := up.Conn
	defer func() { conn.Close() }()
	conn.SetDeadline(time.Now().Add(patience))
	r := bufio.NewReader(conn)
	for _, step := range decodetest.Script(said) {
		switch {
		case step.From == who.Client:
			if _, err := conn.Write(step.Said); err != nil {
				t.Fatalf("saying %q: %v", step.Said, err)
			}
			continue
		case step.From == who.Server:
			want := strings.TrimSuffix(string(step.Said), "\r\n")
			if got, err := r.ReadString('\n'); err != nil || !strings.HasPrefix(got, want) {
				t.Fatalf("heard %q, %v; want %q", got, err, want)
			}
			continue
		}
		switch step.Word {
		case "tls":
			secured := tls.Client(conn, &tls.Config{InsecureSkipVerify: true})
			if err := secured.Handshake(); err != nil {
				t.Fatal(err)
			}
			conn, r = secured, bufio.NewReader(secured)
		case "end", "reset":
			_, err := r.ReadByte()
			if step.Word == "end" && !errors.Is(err, io.EOF) || step.Word == "reset" && !errors.Is(err, syscall.ECONNRESET) {
				t.Fatalf("the server ended by %v, want %s", err, step.Word)
			}
		case "silence":
			conn.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
			var timeout net.Error
			if _, err := r.ReadByte(); !errors.As(err, &timeout) || !timeout.Timeout() {
				t.Fatalf("heard %v, want nothing", err)
			}
		default:
			t.Fatalf("nothing is known of %q", step.Word)
		}
	}
	conn.Close()
	server.Close()
	return ses.notes
}

const sent = `
	S: 220 mx.example.org ESMTP
	C: EHLO then
	S: 250-mx.example.org
	S: 250-SIZE 100
	S: 250 PIPELINING
	C: MAIL FROM:<a@example.org> SIZE=100
	S: 250 2.1.0 sender fine
	C: RCPT TO:<b@example.net>
	S: 250 2.1.5 recipient fine
	C: RCPT TO:<c@example.net>
	S: 550 5.1.1 nobody
	C: DATA
	S: 354 go on
	C: Date: Mon, 23 Nov 2026 10:00:00 +0000
	C: Message-ID: <1@example.org>
	C: Subject: hello
	C: Content-Type: multipart/mixed; boundary=aaa
	C:
	C: --aaa
	C:
	C: text
	C: --aaa--
	C: .
	S: 250 2.0.0 queued as 4711
	C: QUIT
	S: 221 2.0.0 bye`

const again = `
	S: 220 mx
	C: EHLO now
	S: 250-mx
	S: 250-SIZE
	S: 250 PIPE
	C: mail from:<a@EXAMPLE.org> SIZE=99
	C: RCPT TO:<b@example.net>
	C: RCPT TO:<c@example.net>
	C: DATA
	S: 250 2.1.0 sender
	S: 250 2.1.5 recip
	S: 550 5.1.1
	S: 354 go on
	C: Date: Tue, 24 Nov 2026 10:00:00 +0000
	C: Message-ID: <2@example.org>
	C: Subject: hello
	C: Content-Type: multipart/mixed; boundary="bbbb"
	C:
	C: --bbbb
	C:
	C: text
	C: --bbbb--
	C: .
	S: 250 2.0.0 queued as 4711
	C: QUIT
	S: 221 2.0.0 bye
	end`

func TestStandsIn(t *testing.T) {
	certificate := &tls.Config{Certificates: []tls.Certificate{certtest.SelfSigned(t, certtest.Spec{})}}
	greet := "\n\tS: 220 mx\n\tC: EHLO a\n\tS: 250 mx"
	mail := "\n\tC: MAIL FROM:<a@b>\n\tS: 250 ok\n\tC: RCPT TO:<c@d>\n\tS: 250 fine"
	login := func(lines ...string) string { return greet + "\n\t" + strings.Join(lines, "\n\t") }
	for _, c := range []struct{ name, recorded, said string }{
		{"the same by meaning", sent, again},
		{"a reply of the greeting's only", "S: 554 5.3.2 no\n\tclosed server fin", "S: 554 5.3.2 no\n\tend"},
		{"what failed then fails", greet + mail + "\n\tC: DATA\n\tS: 354 go\n\tC: hello\n\tC: .\n\tS: 554 5.7.1 spam\n\tC: QUIT\n\tS: 221 bye",
			greet + mail + "\n\tC: DATA\n\tS: 354 go\n\tC:\n\tC: hello\n\tC: .\n\tS: 554 5.7.1 spam\n\tC: QUIT\n\tS: 221 bye\n\tend"},
		{"an answer to a HELO after a refused EHLO", "S: 220 x\n\tC: EHLO a\n\tS: 500 what\n\tC: HELO a\n\tS: 250 hi", "S: 220 x\n\tC: EHLO b\n\tS: 500 what\n\tC: HELO b\n\tS: 250 hi"},
		{"STARTTLS", greet + "\n\tC: STARTTLS\n\tS: 220 go\n\ttls\n\tC: EHLO a\n\tS: 250 inside\n\tC: QUIT\n\tS: 221 bye",
			greet + "\n\tC: STARTTLS\n\tS: 220 go\n\ttls\n\tC: EHLO a\n\tS: 250 inside\n\tC: QUIT\n\tS: 221 bye\n\tend"},
		{"STARTTLS that was refused", greet + "\n\tC: STARTTLS\n\tS: 454 later", greet + "\n\tC: STARTTLS\n\tS: 454 later"},
		{"LMTP", "S: 220 x\n\tC: LHLO a\n\tS: 250 x" + mail + "\n\tC: RCPT TO:<e@f>\n\tS: 250 fine\n\tC: DATA\n\tS: 354 go\n\tC: .\n\tS: 250 one\n\tS: 452 full",
			"S: 220 x\n\tC: LHLO b\n\tS: 250 x" + mail + "\n\tC: RCPT TO:<e@f>\n\tS: 250 fine\n\tC: DATA\n\tS: 354 go\n\tC: .\n\tS: 250 one\n\tS: 452 full"},
		{"chunks of other sizes", greet + mail + "\n\tC: BDAT 6\n\tC: hello\\\n\tC: !\\\n\tS: 250 first\n\tC: BDAT 2 LAST\n\tC:\n\tS: 250 whole",
			greet + mail + "\n\tC: BDAT 3\n\tC: hel\\\n\tS: 250 first\n\tC: BDAT 2\n\tC: lo\\\n\tS: 250 2.0.0 2 octets\n\tC: BDAT 3 LAST\n\tC: !\n\tS: 250 whole"},
		{"one chunk in place of two", greet + mail + "\n\tC: BDAT 5\n\tC: hello\\\n\tS: 250 first\n\tC: BDAT 1 LAST\n\tC: !\\\n\tS: 250 whole",
			greet + mail + "\n\tC: BDAT 6 LAST\n\tC: hello!\\\n\tS: 250 whole"},
		{"bytes above 127", greet + "\n\tC: MAIL FROM:<ä@b>\n\tS: 250 ä\xff", greet + "\n\tC: MAIL FROM:<ä@b>\n\tS: 250 ä\xff"},
		{"an empty line", greet + "\n\tC:\n\tC: NOOP\n\tS: 250 noop", greet + "\n\tC:\n\tC: NOOP\n\tS: 250 noop"},

		{"AUTH LOGIN of somebody else", login("C: AUTH LOGIN", "S: 334 VXNlcm5hbWU6", "C: YW5u", "S: 334 UGFzc3dvcmQ6", "C: cHc=", "S: 535 5.7.8 no"),
			login("C: AUTH LOGIN", "S: 334 VXNlcm5hbWU6", "C: Ym9i", "S: 334 UGFzc3dvcmQ6", "C: b3RoZXI=", "S: 535 5.7.8 no")},
		{"AUTH LOGIN that says more at once", login("C: AUTH LOGIN", "S: 334 VXNlcm5hbWU6", "C: YW5u", "S: 334 UGFzc3dvcmQ6", "C: cHc=", "S: 235 in"),
			login("C: AUTH LOGIN Ym9i", "S: 334 UGFzc3dvcmQ6", "C: b3RoZXI=", "S: 235 in")},
		{"AUTH PLAIN that says less at once", login("C: AUTH PLAIN AGEAYg==", "S: 235 in"), login("C: AUTH PLAIN", "S: 334 \r", "C: AGMAZA==", "S: 235 in")},
		{"AUTH CRAM-MD5", login("C: AUTH CRAM-MD5", "S: 334 PDFAYj4=", "C: YW5uIDAxMjM=", "S: 235 in"), login("C: AUTH CRAM-MD5", "S: 334 PDFAYj4=", "C: Ym9iIDk5", "S: 235 in")},
		{"AUTH XOAUTH2 with its error", login("C: AUTH XOAUTH2 dXNlcj1h", "S: 334 eyJzdGF0dXMiOiI0MDAifQ==", "C:", "S: 535 5.7.8 expired"),
			login("C: AUTH XOAUTH2 dXNlcj1i", "S: 334 eyJzdGF0dXMiOiI0MDAifQ==", "C:", "S: 535 5.7.8 expired")},
		{"a login that was cancelled", login("C: AUTH GSSAPI", "S: 334 ", "C: *", "S: 501 as you like"), login("C: AUTH GSSAPI", "S: 334 ", "C: *", "S: 501 as you like")},

		{"the server leaves in place of an answer", greet + "\n\tC: MAIL FROM:<a@b>\n\tclosed server fin", greet + "\n\tC: MAIL FROM:<a@b>\n\tend"},
		{"the server resets in place of an answer", greet + "\n\tC: MAIL FROM:<a@b>\n\tclosed server reset", greet + "\n\tC: MAIL FROM:<a@b>\n\treset"},
		{"the server leaves after an answer", greet + "\n\tC: MAIL FROM:<a@b>\n\tS: 421 no\n\tclosed server fin", greet + "\n\tC: MAIL FROM:<a@b>\n\tS: 421 no\n\tend"},
		{"the server had enough of waiting", greet + "\n\tS: 421 4.4.2 idle\n\tclosed server fin", greet + "\n\tS: 421 4.4.2 idle\n\tend"},
		{"the server resets in the middle of a message", greet + mail + "\n\tC: DATA\n\tS: 354 go\n\tC: Subject: x\n\tC:\n\tC: hello\n\tclosed server reset",
			greet + mail + "\n\tC: DATA\n\tS: 354 go\n\tC: Subject: x\n\tC:\n\tC: hello\n\treset"},
		{"the server leaves when a shorter message is over", greet + mail + "\n\tC: DATA\n\tS: 354 go\n\tC: Subject: a longer one\n\tC:\n\tC: hello\n\tclosed server fin",
			greet + mail + "\n\tC: DATA\n\tS: 354 go\n\tC:\n\tC: x\n\tC: .\n\tend"},
		{"a message without an answer", greet + mail + "\n\tC: DATA\n\tS: 354 go\n\tC: .\n\tclosed server fin", greet + mail + "\n\tC: DATA\n\tS: 354 go\n\tC: .\n\tend"},
		{"the server never answered", greet + "\n\tC: MAIL FROM:<a@b>\n\twait 30s\n\tclosed client fin", greet + "\n\tC: MAIL FROM:<a@b>\n\tsilence"},
		{"the server never greeted", "wait 30s\n\tclosed server fin", "end"},
		{"the client left after QUIT", greet + "\n\tC: QUIT\n\tclosed client fin", greet + "\n\tC: QUIT\n\tS: 221 "},
		{"no server could be reached", "S: 421 4.4.1 [smtptap] cannot connect\n\tend unreachable", "S: 421 4.4.1 [smtptap] cannot connect\n\tend"},
		{"a rule reset", greet + "\n\tC: MAIL FROM:<a@b>\n\tnote rule-ended smtptap resets the connection\n\tend rule", greet + "\n\tC: MAIL FROM:<a@b>\n\treset"},
		{"a rule fell silent", greet + "\n\tC: MAIL FROM:<a@b>\n\tnote rule-silent nothing goes further\n\tend rule", greet + "\n\tC: MAIL FROM:<a@b>\n\tsilence"},
		{"a redacted recording", greet + "\n\tC: MAIL FROM:<user1@domain1.example>\n\tS: 250 ok", greet + "\n\tC: MAIL FROM:<ann@example.org>\n\tS: 250 ok"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, lenient := range []bool{false, true} {
				if notes := talk(t, c.recorded, standin.Options{Lenient: lenient, TLS: certificate}, c.said); len(notes) > 0 {
					t.Errorf("the client parts: %q", notes)
				}
			}
		})
	}
}

// What the client does that it did not do then is told, and answered by the policy.
func TestParts(t *testing.T) {
	head := "\n\tS: 220 mx\n\tC: EHLO a\n\tS: 250-mx\n\tS: 250-SIZE\n\tS: 250 PIPE"
	for _, c := range []struct {
		name, strict, lenient string
		notes                 []string // a part of each in strict, which has one, then all in lenient
	}{
		{"another sender", "C: MAIL FROM:<x@example.org>\n\tS: 503 5.5.1 [smtptap]\n\tC: RCPT TO:<b@example.net>\n\tS: 503\n\tC: DATA\n\tS: 503\n\tC: QUIT\n\tS: 221\n\tend",
			"C: MAIL FROM:<x@example.org>\n\tS: 250 2.1.0 OK\n\tC: RCPT TO:<b@example.net>\n\tS: 250 2.1.5 recip\n\tC: QUIT\n\tS: 221 2.0.0 bye",
			[]string{"sends MAIL <x@example.org>. In recording test, the client sent MAIL <a@example.org> here", "sends MAIL <x@example.org>", "sends QUIT. In recording test, the client sent RCPT <c@example.net>"}},
		{"another parameter", "C: MAIL FROM:<a@example.org> BODY=8BITMIME\n\tS: 503", "C: MAIL FROM:<a@example.org> BODY=8BITMIME\n\tS: 250 2.1.0 OK", []string{"sends MAIL", "sends MAIL"}},
		{"something more", "C: NOOP\n\tS: 503", "C: NOOP\n\tS: 250 2.0.0 OK\n\tC: MAIL FROM:<a@example.org>\n\tS: 250 2.1.0 sender", []string{"sends NOOP", "sends NOOP"}},
		{"a login", "C: AUTH PLAIN AGEAYg==\n\tS: 503", "C: AUTH PLAIN AGEAYg==\n\tS: 235 2.7.0", []string{"sends AUTH PLAIN.", "sends AUTH PLAIN."}},
		{"a password where no login is", "C: AGEAYg==\n\tS: 503", "C: AGEAYg==\n\tS: 500", []string{"a line that is not a command", "a line that is not a command"}},
		{"something less", "C: RCPT TO:<b@example.net>\n\tS: 503", "C: RCPT TO:<b@example.net>\n\tS: 250 2.1.5 recip", []string{"sends RCPT", "smtptap answers as then"}},
		{"another message", message("bye", "503 5.5.1"), message("bye", "250 2.0.0 queued as 4711"), []string{"another message (Subject)", "another message (Subject)"}},
		{"a message of another size", message(strings.Repeat("x", 70<<10), "503"), message(strings.Repeat("x", 70<<10), "250 2.0.0 queued as 4711"), []string{"another message (its size)", "(its size)"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			notes := talk(t, sent, standin.Options{}, head+"\n\t"+c.strict)
			if len(notes) != 1 || !strings.Contains(notes[0], c.notes[0]) {
				t.Errorf("strict: %q, want %q", notes, c.notes[0])
			}
			notes = talk(t, sent, standin.Options{Lenient: true}, head+"\n\t"+c.lenient)
			if len(notes) != len(c.notes)-1 {
				t.Fatalf("lenient: %q, want %q", notes, c.notes[1:])
			}
			for i, note := range notes {
				if !strings.Contains(note, c.notes[i+1]) || strings.Contains(note, "AGEAYg") {
					t.Errorf("lenient: %q, want %q", note, c.notes[i+1])
				}
			}
		})
	}
}

// message is a dialogue like again's, of another subject.
func message(subject, answer string) string {
	_, after, _ := strings.Cut(again, "S: 250 PIPE\n\t")
	after = strings.Replace(after, "Subject: hello", "Subject: "+subject, 1)
	after, _, _ = strings.Cut(after, "S: 250 2.0.0 queued")
	return after + "S: " + answer
}

// The recording may end before the client does.
func TestRecordingEnds(t *testing.T) {
	head := "\n\tS: 220 mx\n\tC: EHLO a\n\tS: 250 mx"
	for end, want := range map[string]string{
		"":                              "the recorded session had ended here",
		"\n\tcut":                       "the recording was cut off here",
		"\n\tend shutdown":              "smtptap ended the recorded session here",
		"\n\tC: MAIL FROM:<a@b>\n\tcut": "the recording was cut off here",
	} {
		notes := talk(t, head+end, standin.Options{}, head+"\n\tC: MAIL FROM:<a@b>\n\tS: 503")
		if len(notes) != 1 || !strings.Contains(notes[0], want) {
			t.Errorf("%q: %q, want %q", end, notes, want)
		}
		notes = talk(t, head+end, standin.Options{Lenient: true}, head+"\n\tC: MAIL FROM:<a@b>\n\tS: 250 2.1.0 OK")
		if len(notes) != 1 || !strings.Contains(notes[0], want) {
			t.Errorf("lenient, %q: %q, want %q", end, notes, want)
		}
	}
}

// A challenge of SCRAM goes on from the client's own nonce, recorded or not.
func TestNonce(t *testing.T) {
	server := "r=thenSERVER,s=QUJD,i=4096"
	recorded := "S: 220 x\n\tC: EHLO a\n\tS: 250 x\n\tC: AUTH SCRAM-SHA-256 biwsbj1hLHI9dGhlbg==\n\tS: 334 " + base64.StdEncoding.EncodeToString([]byte(server)) + "\n\tC: Yz1iaXdzLHI9dGhlblNFUlZFUixwPWE=\n\tS: 535 5.7.8 no"
	mine := base64.StdEncoding.EncodeToString([]byte("n,,n=bob,r=now"))
	prefix := base64.StdEncoding.EncodeToString([]byte("r=now")[:3])
	notes := talk(t, recorded, standin.Options{}, "S: 220\n\tC: EHLO a\n\tS: 250\n\tC: AUTH SCRAM-SHA-256 "+mine+"\n\tS: 334 "+prefix+"b3\n\tC: Yz1iaXdzLHI9bm93LHA9YQ==\n\tS: 535 5.7.8 no")
	if len(notes) > 0 {
		t.Errorf("the client parts: %q", notes)
	}
}

// What a recording lacks that has nothing to say is told.
func TestCannotStandIn(t *testing.T) {
	for recorded, want := range map[string]string{
		"end closed": "its client heard nothing from a server",
	} {
		if _, err := standin.New(recording(recorded), standin.Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", recorded, err, want)
		}
	}
}

// The recorded waits are waited for, as fast as is wanted.
func TestSpeed(t *testing.T) {
	recorded := "S: 220 x\n\tC: EHLO a\n\twait 400ms\n\tS: 250 x"
	for speed, least := range map[float64]time.Duration{0: 0, 1: 400 * time.Millisecond, 4: 100 * time.Millisecond} {
		begun := time.Now()
		talk(t, recorded, standin.Options{Speed: speed}, "S: 220\n\tC: EHLO a\n\tS: 250")
		if took := time.Since(begun); took < least || speed == 4 && took > 10*time.Second {
			t.Errorf("at %gx it took %s, want at least %s", speed, took, least)
		}
	}
}

// A client that leaves while it has to wait is not waited for when the server ends.
func TestLeavesWhileWaiting(t *testing.T) {
	recorded := "S: 220 x\n\tC: EHLO a\n\twait 30s\n\tS: 250 x"
	begun := time.Now()
	talk(t, recorded, standin.Options{Speed: 1}, "S: 220\n\tC: EHLO a")
	if took := time.Since(begun); took > 4*time.Second {
		t.Errorf("it took %s", took)
	}
}
