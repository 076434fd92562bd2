package smtptest_test

import (
	"crypto/tls"
	"fmt"
	"net/smtp"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"smtptap/proxy/smtptest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// send sends a mail as programs do, over TLS if it is offered.
func send(tap *smtptest.Tap, to ...string) error {
	c, err := smtp.Dial(tap.Addr)
	if err != nil {
		return err
	}
	defer c.Close()
	if ok, _ := c.Extension("STARTTLS"); ok {
		if err := c.StartTLS(&tls.Config{RootCAs: tap.Roots, ServerName: tap.Host}); err != nil {
			return err
		}
	}
	if err := c.Mail("ann@example.org"); err != nil {
		return err
	}
	for _, rcpt := range to {
		if err := c.Rcpt(rcpt); err != nil {
			return err
		}
	}
	w, err := c.Data()
	if err != nil {
		return err
	}
	fmt.Fprint(w, "From: ann@example.org\r\nTo: bob@example.net\r\nSubject: hello\r\n\r\nhello\r\n")
	if err := w.Close(); err != nil {
		return err
	}
	return c.Quit()
}

// A witness notes what a test is told.
type witness struct {
	testing.TB
	said []string
}

func (w *witness) Error(args ...any) { w.said = append(w.said, fmt.Sprint(args...)) }
func (w *witness) Helper()           {}

func TestExpect(t *testing.T) {
	for _, c := range []struct {
		name    string
		options smtptest.Options
		to      []string
		queries []string
		want    []string // parts of what the test is told
	}{
		{"sent", smtptest.Options{}, []string{"bob@example.net", "eve@example.net"}, []string{"sent tls:no rcpt:eve@", "rcpts=2"}, nil},
		{"nothing said", smtptest.Options{}, []string{"bob@example.net"}, nil, nil},
		{"over TLS", smtptest.Options{TLS: true}, []string{"bob@example.net"}, []string{"sent tls:yes", "!finding>=failure"}, nil},
		{"in clear", smtptest.Options{}, []string{"bob@example.net"}, []string{"sent tls:yes"}, []string{"expected tls:yes, got no"}},
		{"refused on purpose", smtptest.Options{Rules: []string{"RCPT=550 5.1.1 no"}}, []string{"bob@example.net"}, []string{"sent"}, []string{"expected sent, got"}},
		{"nobody", smtptest.Options{}, nil, []string{"sent"}, []string{"no session came"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := &witness{TB: t}
			tap := smtptest.Start(w, c.options)
			if len(c.to) > 0 {
				if err := send(tap, c.to...); err != nil && c.options.Rules == nil {
					t.Fatal(err)
				}
			}
			tap.Expect(c.queries...)
			if len(w.said) != len(c.want) {
				t.Fatalf("the test is told %q", w.said)
			}
			for i, part := range c.want {
				if !strings.Contains(w.said[i], part) {
					t.Errorf("%q is not in %q", part, w.said[i])
				}
			}
		})
	}
}

// A client that does not end its session is not waited for without end.
func TestPatience(t *testing.T) {
	w := &witness{TB: t}
	tap := smtptest.Start(w, smtptest.Options{Patience: 10 * time.Millisecond})
	c, err := smtp.Dial(tap.Addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	tap.Expect("sent")
	if len(w.said) != 1 || !strings.Contains(w.said[0], "got running") {
		t.Errorf("the test is told %q", w.said)
	}
}

// A server of one's own is relayed to, and its sessions can be looked at.
func TestTo(t *testing.T) {
	behind := smtptest.Start(t, smtptest.Options{})
	tap := smtptest.Start(t, smtptest.Options{To: behind.Addr})
	if err := send(tap, "bob@example.net"); err != nil {
		t.Fatal(err)
	}
	tap.Expect("sent")
	behind.Expect("sent")
	if all := tap.Sessions(); len(all) != 1 || len(all[0].Messages()) != 1 {
		t.Errorf("%d sessions", len(all))
	}
}

// The server of a recording, an aiosmtpd that had no such user, stands in.
func TestRecording(t *testing.T) {
	recorded := smtptest.Options{Recording: "testdata/refused.smtptap"}
	tap := smtptest.Start(t, recorded)
	if err := send(tap, "bob@example.net", "eve@example.net"); err == nil || !strings.Contains(err.Error(), "no such user here") {
		t.Errorf("the client is told %v", err)
	}
	tap.Expect("refused tls:yes finding:RCPT-UNKNOWN-550 !finding:STANDIN-PARTED")

	tap = smtptest.Start(t, recorded)
	if err := send(tap, "ann@example.net"); err == nil || !strings.Contains(err.Error(), "[smtptap]") {
		t.Errorf("the client is told %v", err)
	}
	tap.Expect("failed finding:STANDIN-PARTED")

	recorded.Rules = []string{"MAIL=450 4.2.1 busy"}
	tap = smtptest.Start(t, recorded)
	if err := send(tap, "bob@example.net", "eve@example.net"); err == nil || !strings.Contains(err.Error(), "busy") {
		t.Errorf("the client is told %v", err)
	}
	tap.Expect("failed finding:RULE-ANSWERED !finding:STANDIN-PARTED")

	recorded.Lenient, recorded.Rules = true, nil
	tap = smtptest.Start(t, recorded)
	if err := send(tap, "ann@example.net"); err != nil {
		t.Error(err)
	}
	tap.Expect("sent finding:STANDIN-PARTED")
}
