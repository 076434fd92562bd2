package replay_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"smtptap/decode"
	"smtptap/decode/decodetest"
	"smtptap/decode/facts"
	"smtptap/decode/who"
	"smtptap/proxy/handshake/certtest"
	"smtptap/proxy/replay"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// recording decodes a dialogue as a recording holds it.
func recording(t testing.TB, text string, keep bool) *decode.Transcript {
	t.Helper()
	s := decodetest.New(keep).Play(text, nil)
	tr := s.Close()
	s.Fact(&facts.End{Cause: facts.CauseClosed})
	tr.ID = "test"
	return tr
}

// A peer is a server that follows a script: "S: " it says, "C: " it must hear,
// "tls" it begins TLS, "close" it hangs up. It fails the test when it hears
// anything else, or something that should have waited for its answer.
type peer struct {
	t    testing.TB
	conn net.Conn
	r    *bufio.Reader
	tls  *tls.Config
}

func (p *peer) follow(script string) {
	defer p.conn.Close()
	lines := strings.Split(strings.TrimSpace(script), "\n")
	for i, line := range lines {
		speaker, text, _ := strings.Cut(strings.Trim(line, "\t"), ": ")
		switch speaker {
		case "S":
			if i > 0 && p.r.Buffered() > 0 {
				early, _ := p.r.Peek(p.r.Buffered())
				p.t.Errorf("before %q was answered the client said %q", strings.Trim(lines[i-1], "\t"), early)
			}
			p.conn.Write(decodetest.Line(text))
		case "C":
			want := string(decodetest.Line(text))
			got := make([]byte, len(want))
			n, err := io.ReadFull(p.r, got)
			if string(got[:n]) != want {
				p.t.Errorf("heard %q (%v), want %q", got[:n], err, want)
				return
			}
		case "tls":
			p.conn = tls.Server(p.conn, p.tls)
			p.r = bufio.NewReader(p.conn)
		case "close":
			return
		}
	}
	if rest, _ := io.ReadAll(p.r); len(rest) > 0 {
		p.t.Errorf("heard %q behind the end", rest)
	}
}

// play says a script to a peer and returns what was not said.
func play(t *testing.T, s *replay.Script, server string, o replay.Options) ([]string, error) {
	t.Helper()
	root := certtest.NewAuthority(t, "tests")
	o.TLS = &tls.Config{RootCAs: root.Pool(), ServerName: "mx.example.org"}
	ours, theirs := net.Pipe()
	theirs.SetDeadline(time.Now().Add(20 * time.Second))
	p := &peer{t: t, conn: theirs, r: bufio.NewReader(theirs), tls: &tls.Config{Certificates: []tls.Certificate{root.Issue(t, certtest.Spec{Names: []string{"mx.example.org"}})}}}
	done := make(chan struct{})
	go func() {
		defer close(done)
		p.follow(server)
	}()
	unsaid, err := replay.Play(t.Context(), ours, s, o)
	ours.Close()
	<-done
	var texts []string
	for _, u := range unsaid {
		texts = append(texts, u.Error())
	}
	return texts, err
}

const hello = "S: 220 mx\nC: EHLO c\nS: 250-mx\nS: 250 8BITMIME\n"
const chunking = "S: 220 mx\nC: EHLO c\nS: 250-mx\nS: 250 CHUNKING\n"
const lmtp = "S: 220 mx\nC: LHLO c\nS: 250-mx\nS: 250 CHUNKING\n" + envelope + "C: RCPT TO:<c@example.org>\nS: 250 ok\n"
const envelope = "C: MAIL FROM:<a@example.com>\nS: 250 ok\nC: RCPT TO:<b@example.org>\nS: 250 ok\n"
const content = "C: Subject: x\nC: \nC: ..dot\nC: bare\\n\\\nC: end\nC: .\n"
const bye = "C: QUIT\nS: 221 bye\n"

var credentials = replay.Credentials{Password: "tanstaaftanstaaf", Token: "tok"}

func TestPlay(t *testing.T) {
	for _, c := range []struct {
		name     string
		recorded string
		server   string // "" for the same
		unsaid   []string
	}{
		{"a message", hello + envelope + "C: DATA\nS: 354 go\n" + content + "S: 250 ok\n" + bye, "", nil},
		{"longer replies", hello + bye, "S: 220-mx\nS: 220 second\nC: EHLO c\nS: 250-a\nS: 250-b\nS: 250 c\nC: QUIT\nS: 221 bye", nil},
		{"pipelined", "S: 220 mx\nC: EHLO c\nS: 250-mx\nS: 250 PIPELINING\nC: MAIL FROM:<a@example.com>\nC: RCPT TO:<b@example.org>\nC: DATA\nS: 250 ok\nS: 250 ok\nS: 354 go\n" + content + "C: QUIT\nS: 250 ok\nS: 221 bye", "", nil},
		{"pipelined, and PIPELINING is not offered", "S: 220 mx\nC: EHLO c\nS: 250-mx\nS: 250 PIPELINING\nC: MAIL FROM:<a@example.com>\nC: RCPT TO:<b@example.org>\nS: 250 ok\nS: 250 ok\n" + bye,
			hello + envelope + bye, []string{"the server does not offer PIPELINING: commands that the client had sent together were sent one by one"}},
		{"a message that did not wait for DATA", hello + envelope + "C: DATA\n" + content + "S: 354 go\nS: 250 ok\n" + bye, hello + envelope + "C: DATA\nS: 554 no\n" + bye,
			[]string{"a message was not sent: the server answered DATA with 554 no"}},
		{"talks before the greeting", "C: EHLO c\nS: 220 mx\nS: 250 mx\n" + bye, "C: EHLO c\nS: 220 mx\nS: 250 mx\n" + bye, nil},
		{"a chunk, and CHUNKING is not offered", chunking + "C: BDAT 5\nC: QUIT\\\nC: \\r\nS: 250 ok\n" + bye, hello, []string{"the server does not offer CHUNKING: the message was not sent"}},
		{"a line outside of a login", hello + "C: AUTH LOGIN\nS: 504 no\nC: c2VjcmV0LXNlY3JldA==\nS: 500 what\n" + bye, hello + "C: AUTH LOGIN\nS: 504 no\n" + bye,
			[]string{"not sent: a line outside of any login that looks like a password"}},
		{"a chunk", chunking + "C: BDAT 5\nC: a\\r\\nb.\\\nS: 250 ok\nC: BDAT 3 LAST\nC: c\nS: 250 ok\n" + bye, "", nil},
		{"LMTP", lmtp + "C: DATA\nS: 354 go\n" + content + "S: 250 ok\nS: 550 no\n" + bye, "", nil},
		{"LMTP, and one recipient is refused", lmtp + "C: BDAT 3 LAST\nC: c\nS: 250 ok\nS: 550 no\n" + bye, strings.TrimSuffix(lmtp, "S: 250 ok\n") + "S: 550 no\nC: BDAT 3 LAST\nC: c\nS: 250 ok\n" + bye, nil},
		{"a recipient is refused", hello + envelope + bye, strings.Replace(hello+envelope+bye, "S: 250 ok\nC: QUIT", "S: 550 no\nC: QUIT", 1), nil},
		{"DATA is refused", hello + envelope + "C: DATA\nS: 354 go\n" + content + "S: 250 ok\n" + bye, hello + envelope + "C: DATA\nS: 554 no valid recipients\n" + bye,
			[]string{"a message was not sent: the server answered DATA with 554 no valid recipients"}},
		{"DATA was refused, and is not now", hello + "C: DATA\nS: 503 no\n" + bye, hello + "C: DATA\nS: 354 go",
			[]string{"the server accepts the message, which was refused in the recording and is not in it"}},
		{"left in the message", hello + envelope + "C: DATA\nS: 354 go\nC: Subject: x", "", nil},
		{"closes early", hello + envelope + bye, hello + "C: MAIL FROM:<a@example.com>\nclose", []string{"the server closed the connection before the reply to MAIL"}},
		{"closes at QUIT", hello + bye, hello + "C: QUIT\nclose", nil},
		{"no greeting", hello + bye, "close", []string{"the server closed the connection before the greeting"}},
		{"a reply that is none", hello + bye, "S: 220 mx\nC: EHLO c\nS: what?\nC: QUIT\nS: 221 bye", nil},
		{"STARTTLS", hello + "C: STARTTLS\nS: 220 go\ntls\nC: EHLO c\nS: 250 mx\n" + bye, "", nil},
		{"STARTTLS is refused", hello + "C: STARTTLS\nS: 220 go\ntls\nC: EHLO c\nS: 250 mx\n" + bye, hello + "C: STARTTLS\nS: 454 not now",
			[]string{"the server refused STARTTLS (454 not now): what the client said inside TLS was not sent unencrypted"}},
		{"STARTTLS was refused, and is again", hello + "C: STARTTLS\nS: 454 not now\n" + envelope + bye, "", nil},
		{"STARTTLS was refused, and is not now", hello + "C: STARTTLS\nS: 454 not now\n" + envelope + bye, hello + "C: STARTTLS\nS: 220 go\ntls\n" + envelope + bye, nil},
		{"odd bytes", "S: 220 mx\nC: NOOP \\0\\0\nS: 500 what\nC: NOOP a\\rb\nS: 500 what", "", nil},
		{"the login is refused at once", hello + "C: AUTH LOGIN\nS: 334 VXNlcm5hbWU6\nC: dXNlcg==\nS: 334 UGFzc3dvcmQ6\nC: c2VjcmV0\nS: 235 ok\n" + bye, hello + "C: AUTH LOGIN\nS: 504 5.5.4 no\n" + bye,
			[]string{"a line of the login was not sent: the server had answered 504 5.5.4 no", "a line of the login was not sent: the server had answered 504 5.5.4 no"}},
		{"the login goes on", hello + "C: AUTH LOGIN\nS: 504 no\n" + bye, hello + "C: AUTH LOGIN\nS: 334 VXNlcm5hbWU6", []string{"the server asks for more of the login than the recording holds"}},
		{"an exchange is cancelled", hello + "C: AUTH LOGIN\nS: 334 VXNlcm5hbWU6\nC: *\nS: 501 ok\n" + bye, "", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := c.server
			if server == "" {
				server = c.recorded
			}
			s, err := replay.NewScript(recording(t, c.recorded, false), credentials)
			if err != nil {
				t.Fatal(err)
			}
			unsaid, err := play(t, s, server, replay.Options{})
			if err != nil || !slices.Equal(unsaid, c.unsaid) {
				t.Errorf("not said: %q, %v; want %q", unsaid, err, c.unsaid)
			}
		})
	}
}

// A server that speaks the other protocol hears its own EHLO.
func TestSpeak(t *testing.T) {
	for _, c := range []struct{ verb, recorded, server, unsaid string }{
		{"LHLO", hello + bye, strings.Replace(hello, "EHLO", "LHLO", 1) + bye, "EHLO was sent as LHLO, which the server speaks"},
		{"EHLO", lmtp + bye, strings.Replace(lmtp, "LHLO", "EHLO", 1) + bye, "LHLO was sent as EHLO, which the server speaks"},
		{"LHLO", lmtp + bye, lmtp + bye, ""},
		{"EHLO", strings.Replace(hello, "EHLO", "HELO", 1) + bye, strings.Replace(hello, "EHLO", "HELO", 1) + bye, ""},
	} {
		s, err := replay.NewScript(recording(t, c.recorded, false), credentials)
		if err != nil {
			t.Fatal(err)
		}
		s.Speak(c.verb)
		unsaid, err := play(t, s, c.server, replay.Options{})
		if err != nil || strings.Join(unsaid, "") != c.unsaid {
			t.Errorf("not said: %q, %v; want %q", unsaid, err, c.unsaid)
		}
	}
}

// What a login holds is said anew from the credentials.
func TestCredentials(t *testing.T) {
	const challenge = "PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2UucmVzdG9uLm1jaS5uZXQ+" // of RFC 2195 section 2
	login := func(user, password string) string {
		return hello + "C: AUTH LOGIN\nS: 334 VXNlcm5hbWU6\nC: " + user + "\nS: 334 UGFzc3dvcmQ6\nC: " + password + "\nS: 235 ok\n"
	}
	const token = "dXNlcj11c2VyQGV4YW1wbGUuY29tAWF1dGg9QmVhcmVyIHRvawEB" // user=user@example.com, auth=Bearer tok
	for _, c := range []struct {
		name             string
		recorded, server string
		credentials      replay.Credentials
	}{
		{"PLAIN", hello + "C: auth plain AHVzZXIAc2VjcmV0\nS: 235 ok", hello + "C: auth plain AHVzZXIAdGFuc3RhYWZ0YW5zdGFhZg==\nS: 235 ok", credentials},
		{"PLAIN, asked for", hello + "C: AUTH PLAIN\nS: 334 \nC: AHVzZXIAc2VjcmV0\nS: 235 ok", hello + "C: AUTH PLAIN\nS: 334 \nC: AHVzZXIAdGFuc3RhYWZ0YW5zdGFhZg==\nS: 235 ok", credentials},
		{"PLAIN, another user", hello + "C: AUTH PLAIN AHVzZXIAc2VjcmV0\nS: 235 ok", hello + "C: AUTH PLAIN AG90aGVyAHRhbnN0YWFmdGFuc3RhYWY=\nS: 235 ok", replay.Credentials{User: "other", Password: "tanstaaftanstaaf"}},
		{"LOGIN", login("dXNlcg==", "c2VjcmV0"), login("dXNlcg==", "dGFuc3RhYWZ0YW5zdGFhZg=="), credentials},
		{"LOGIN, another user", login("dXNlcg==", "c2VjcmV0"), login("b3RoZXI=", "dGFuc3RhYWZ0YW5zdGFhZg=="), replay.Credentials{User: "other", Password: "tanstaaftanstaaf"}},
		{"LOGIN, user in the command", hello + "C: AUTH LOGIN dXNlcg==\nS: 334 UGFzc3dvcmQ6\nC: c2VjcmV0\nS: 235 ok", hello + "C: AUTH LOGIN b3RoZXI=\nS: 334 UGFzc3dvcmQ6\nC: dGFuc3RhYWZ0YW5zdGFhZg==\nS: 235 ok", replay.Credentials{User: "other", Password: "tanstaaftanstaaf"}},
		{"CRAM-MD5", hello + "C: AUTH CRAM-MD5\nS: 334 PDFAbXg+\nC: dGltIGFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFh\nS: 235 ok",
			hello + "C: AUTH CRAM-MD5\nS: 334 " + challenge + "\nC: dGltIGI5MTNhNjAyYzdlZGE3YTQ5NWI0ZTZlNzMzNGQzODkw\nS: 235 ok", credentials},
		{"XOAUTH2", hello + "C: AUTH XOAUTH2 dXNlcj11c2VyQGV4YW1wbGUuY29tAWF1dGg9QmVhcmVyIHNlY3JldAEB\nS: 235 ok", hello + "C: AUTH XOAUTH2 " + token + "\nS: 235 ok", credentials},
		{"OAUTHBEARER", hello + "C: AUTH OAUTHBEARER bixhPXUsAWF1dGg9QmVhcmVyIHNlY3JldAEB\nS: 235 ok", hello + "C: AUTH OAUTHBEARER bixhPXUsAWF1dGg9QmVhcmVyIHRvawEB\nS: 235 ok", credentials},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := replay.NewScript(recording(t, c.recorded, false), c.credentials)
			if err != nil {
				t.Fatal(err)
			}
			if unsaid, err := play(t, s, c.server, replay.Options{}); err != nil || unsaid != nil {
				t.Errorf("not said: %q, %v", unsaid, err)
			}
		})
	}
}

// After TLS from the first byte STARTTLS is not said.
func TestImplicit(t *testing.T) {
	s, err := replay.NewScript(recording(t, hello+"C: STARTTLS\nS: 220 go\ntls\nC: EHLO c\nS: 250 mx\n"+bye, false), credentials)
	if err != nil {
		t.Fatal(err)
	}
	if !s.StartsTLS() {
		t.Error("StartsTLS says no")
	}
	unsaid, err := play(t, s, hello+"C: EHLO c\nS: 250 mx\n"+bye, replay.Options{Implicit: true})
	if err != nil || len(unsaid) != 1 || !strings.Contains(unsaid[0], "STARTTLS was not sent") {
		t.Errorf("not said: %q, %v", unsaid, err)
	}
}

// A recording with secrets is said as it is.
func TestKeptSecrets(t *testing.T) {
	const recorded = hello + "C: AUTH PLAIN AHVzZXIAc2VjcmV0\nS: 235 ok\n" + bye
	s, err := replay.NewScript(recording(t, recorded, true), replay.Credentials{})
	if err != nil {
		t.Fatal(err)
	}
	if unsaid, err := play(t, s, recorded, replay.Options{}); err != nil || unsaid != nil {
		t.Errorf("not said: %q, %v", unsaid, err)
	}
}

func TestNoScript(t *testing.T) {
	login := func(how string) *decode.Transcript { return recording(t, hello+"C: AUTH "+how+"\nS: 235 ok", false) }
	log := recording(t, hello, false)
	log.Source = decode.SourceLog
	sealed := recording(t, hello, false)
	sealed.Entries = append(sealed.Entries, decode.Entry{Event: &decode.Event{Side: who.Client, Kind: decode.KindMissing, Missing: &decode.Missing{Bytes: 9, Why: decode.WhyEncrypted}}})
	lost := recording(t, hello, false)
	lost.Entries = append(lost.Entries, decode.Entry{Event: &decode.Event{Side: who.Client, Kind: decode.KindMissing, Missing: &decode.Missing{Bytes: 9, Why: decode.WhyNotRecorded}}})
	torn := recording(t, hello, false)
	torn.CannotShow = []facts.Sentence{"the record at byte 99 is cut off"}
	running := recording(t, hello, false)
	running.Entries = running.Entries[:len(running.Entries)-1]
	for _, c := range []struct {
		name  string
		t     *decode.Transcript
		c     replay.Credentials
		wants string
	}{
		{"nothing was said", recording(t, "S: 220 mx", false), credentials, "the client said nothing"},
		{"a pasted log", log, credentials, "pasted log"},
		{"TLS handed through", sealed, credentials, "--starttls intercept"},
		{"bytes are missing", lost, credentials, "9 B"},
		{"no password", login("PLAIN AHVzZXIAc2VjcmV0"), replay.Credentials{}, "SMTPTAP_PASSWORD"},
		{"no token", login("XOAUTH2 dXNlcj11AWF1dGg9QmVhcmVyIHNlY3JldAEB"), replay.Credentials{Password: "x"}, "SMTPTAP_TOKEN"},
		{"SCRAM", login("SCRAM-SHA-256 biwsbj11c2VyLHI9YWJj\nS: 334 cj1hYmMscz1hLGk9NDA5Ng==\nC: Yz1iaXdzLHI9YWJjLHA9YWJj"), credentials, "SCRAM-SHA-256"},
		{"CRAM-SHA256", login("CRAM-SHA256\nS: 334 PDEyM0BteD4=\nC: dXNlciA1NWQ1ZDU1ZA=="), credentials, "CRAM-SHA256"},
		{"an unknown mechanism", login("X-SECRET c2VjcmV0"), credentials, "an unknown mechanism"},
		{"ANONYMOUS", login("ANONYMOUS c2VjcmV0"), credentials, "ANONYMOUS"},
		{"cut off", torn, credentials, "the record at byte 99"},
		{"still running", running, credentials, "no end"},
		{"XCLIENT", recording(t, hello+"C: XCLIENT LOGIN=user\nS: 220 mx", false), credentials, "XCLIENT"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := replay.NewScript(c.t, c.c); err == nil || !strings.Contains(err.Error(), c.wants) {
				t.Errorf("error %v, want one about %q", err, c.wants)
			}
		})
	}
}

// MaySay is asked before a secret, and only then.
func TestMaySay(t *testing.T) {
	no := errors.New("not here")
	o := replay.Options{MaySay: func() error { return no }}
	s, err := replay.NewScript(recording(t, hello+"C: AUTH PLAIN AHVzZXIAc2VjcmV0\nS: 235 ok", false), credentials)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := play(t, s, hello, o); !errors.Is(err, no) {
		t.Errorf("error %v, want %v", err, no)
	}
	if s, err = replay.NewScript(recording(t, hello+bye, false), credentials); err != nil {
		t.Fatal(err)
	}
	if _, err := play(t, s, hello+bye, o); err != nil {
		t.Error(err)
	}
}

// A server that says nothing is waited for as long as RFC 5321 says.
func TestPatience(t *testing.T) {
	s, err := replay.NewScript(recording(t, hello+envelope+"C: DATA\nS: 354 go\n"+content+"S: 250 ok", false), credentials)
	if err != nil {
		t.Fatal(err)
	}
	for silent, want := range map[string]time.Duration{"greeting": 5 * time.Minute, "MAIL": 5 * time.Minute, "DATA": 2 * time.Minute, "message": 10 * time.Minute} {
		t.Run(silent, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ours, theirs := net.Pipe()
				go mute(theirs, silent)
				begun := time.Now()
				unsaid, err := replay.Play(t.Context(), ours, s, replay.Options{})
				if err != nil || len(unsaid) != 1 || !strings.Contains(unsaid[0].Error(), "did not come in time") || time.Since(begun) != want {
					t.Errorf("%q, %v after %v, want %v", unsaid, err, time.Since(begun), want)
				}
				ours.Close()
			})
		})
	}
}

// mute answers everything but what it is silent at.
func mute(conn net.Conn, silent string) {
	defer conn.Close()
	r := bufio.NewReader(conn)
	if silent != "greeting" {
		io.WriteString(conn, "220 mx\r\n")
	}
	for message := false; ; {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		verb := strings.TrimSpace(strings.Split(line, " ")[0])
		switch {
		case message && verb != ".":
		case verb == "." && silent == "message", strings.EqualFold(verb, silent):
		case verb == "DATA":
			message = true
			io.WriteString(conn, "354 go\r\n")
		default:
			io.WriteString(conn, "250 ok\r\n")
		}
	}
}

func TestInterrupted(t *testing.T) {
	s, err := replay.NewScript(recording(t, hello+bye, false), credentials)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancelCause(t.Context())
	ours, theirs := net.Pipe()
	defer ours.Close()
	why := errors.New("enough")
	go func() {
		io.WriteString(theirs, "220 mx\r\n")
		bufio.NewReader(theirs).ReadString('\n')
		stop(why)
	}()
	defer theirs.Close()
	if _, err := replay.Play(ctx, ours, s, replay.Options{}); !errors.Is(err, why) {
		t.Errorf("error %v, want %v", err, why)
	}
}

// However the network cuts the server's replies, the same is said.
func TestSplitAnywhere(t *testing.T) {
	const recorded = hello + envelope + "C: DATA\nS: 354 go\n" + content + "S: 250 ok\n" + bye
	s, err := replay.NewScript(recording(t, recorded, false), credentials)
	if err != nil {
		t.Fatal(err)
	}
	var want string
	for line := range strings.Lines(recorded) {
		if said, found := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "C: "); found {
			want += string(decodetest.Line(said))
		}
	}
	for size := 1; size < 12; size++ {
		ours, theirs := net.Pipe()
		heard := make(chan string)
		go func() { heard <- cutting(theirs, size) }()
		if unsaid, err := replay.Play(t.Context(), ours, s, replay.Options{}); err != nil || unsaid != nil {
			t.Errorf("in pieces of %d: %q, %v", size, unsaid, err)
		}
		ours.Close()
		if got := <-heard; got != want {
			t.Errorf("in pieces of %d: heard %q, want %q", size, got, want)
		}
	}
}

// cutting answers everything in pieces of that size, and returns all it heard.
func cutting(conn net.Conn, size int) string {
	defer conn.Close()
	say := func(s string) {
		for p := range slices.Chunk([]byte(s), size) {
			conn.Write(p)
		}
	}
	var all bytes.Buffer
	r := bufio.NewReader(io.TeeReader(conn, &all))
	say("220-mx\r\n220 mx\r\n")
	for message := false; ; {
		line, err := r.ReadString('\n')
		switch {
		case err != nil:
			return all.String()
		case message && line != ".\r\n":
		case strings.HasPrefix(line, "DATA"):
			message = true
			say("354 go\r\n")
		default:
			message = false
			say("250-ok\r\n250 8BITMIME\r\n")
		}
	}
}

func TestPrivate(t *testing.T) {
	dial := func(addr string) decode.Entry { return decode.Entry{Fact: &facts.Dial{Addr: addr}} }
	failed := decode.Entry{Fact: &facts.Dial{Addr: "127.0.0.1:25", Err: "connection refused"}}
	secured := decode.Entry{Fact: &facts.TLS{Leg: who.ServerLeg, Version: "TLS 1.3"}}
	client := decode.Entry{Fact: &facts.TLS{Leg: who.ClientLeg, Version: "TLS 1.3"}}
	broken := decode.Entry{Fact: &facts.TLS{Leg: who.ServerLeg, Err: "no"}}
	for _, c := range []struct {
		name string
		all  []decode.Entry
		ok   bool
	}{
		{"this machine", []decode.Entry{dial("127.0.0.1:25")}, true},
		{"this machine, IPv6", []decode.Entry{dial("[::1]:25")}, true},
		{"another", []decode.Entry{dial("192.0.2.1:25")}, false},
		{"another, with TLS", []decode.Entry{dial("192.0.2.1:25"), secured}, true},
		{"another, with TLS to the client only", []decode.Entry{dial("192.0.2.1:25"), client}, false},
		{"another, TLS failed", []decode.Entry{dial("192.0.2.1:25"), broken}, false},
		{"this machine failed", []decode.Entry{failed, dial("192.0.2.1:25")}, false},
		{"TLS with the server before", []decode.Entry{dial("192.0.2.1:25"), secured, dial("192.0.2.2:25")}, false},
		{"nothing is known", nil, false},
	} {
		if err := replay.Private(&decode.Transcript{Entries: c.all}); (err == nil) != c.ok {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// FuzzPlay has a server say anything. What is said to it is a part of what the
// client had said, and Play ends.
func FuzzPlay(f *testing.F) {
	f.Add([]byte("220 mx\r\n250 mx\r\n250 ok\r\n250 ok\r\n354 go\r\n250 ok\r\n221 bye\r\n"))
	f.Add([]byte("220-\n220\n250-PIPELINING\r\n250\r\n334\r\n"))
	f.Add([]byte("999999999 \x00\xff\r\n-\r\n220 go\r\n"))
	f.Add([]byte(fmt.Sprintf("220 %08000d\r\n", 0)))
	recorded := hello + "C: AUTH LOGIN dXNlcg==\nS: 334 UGFzc3dvcmQ6\nC: c2VjcmV0\nS: 235 ok\n" + envelope + "C: DATA\nS: 354 go\n" + content + "S: 250 ok\n" + bye
	s, err := replay.NewScript(recording(f, recorded, false), credentials)
	if err != nil {
		f.Fatal(err)
	}
	known := map[string]bool{"dGFuc3RhYWZ0YW5zdGFhZg==\r\n": true}
	for line := range strings.Lines(recorded) {
		if said, found := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "C: "); found {
			for l := range strings.Lines(string(decodetest.Line(said))) {
				known[l] = true
			}
		}
	}
	f.Fuzz(func(t *testing.T, server []byte) {
		ours, theirs := net.Pipe()
		heard := make(chan []byte)
		go func() {
			theirs.Write(server)
			theirs.Close()
		}()
		go func() {
			all, _ := io.ReadAll(theirs)
			heard <- all
		}()
		replay.Play(t.Context(), ours, s, replay.Options{Patience: func(string) time.Duration { return time.Second }})
		ours.Close()
		all := <-heard
		for line := range bytes.Lines(all) {
			if !known[string(line)] && bytes.HasSuffix(line, []byte("\n")) {
				t.Errorf("said %q", line)
			}
		}
	})
}
