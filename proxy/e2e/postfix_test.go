package e2e

import (
	"testing"
)

// receivingPostfix is a Postfix that takes mail for everybody but one and
// throws it away.
func receivingPostfix(t *testing.T, settings ...string) *postfix {
	t.Helper()
	return startPostfix(t, "127.0.0.1:9", append([]string{
		"relayhost =",
		"default_transport = discard",
		"mynetworks = 127.0.0.1/32",
		"smtpd_recipient_restrictions = check_recipient_access inline:{bad@example.net=REJECT}, permit_mynetworks, reject",
	}, settings...)...)
}

// Postfix gets the message, or refuses a recipient, and the
// export is what PHPMailer printed.
func TestPostfixPlain(t *testing.T) {
	need(t, "postfix", "php", phpmailerAutoload)
	mta := receivingPostfix(t)
	for _, c := range []struct {
		rcpt    []string
		code    int
		outcome string
	}{
		{[]string{"to=rcpt@example.net"}, 0, "sent"},
		{[]string{"to=bad@example.net", "to=rcpt@example.net"}, 1, "partly"},
		{[]string{"to=bad@example.net"}, 1, "refused"},
	} {
		p := start(t, "--to", "smtp://"+mta.Addr)
		printed := client(t, c.code, "php", append([]string{"testdata/phpmailer.php", "127.0.0.1", p.port()}, c.rcpt...)...)
		if r := p.recorded(t, 1)[0]; r.Outcome != c.outcome {
			t.Errorf("%v: listed as %+v", c.rcpt, r)
		}
		if got := p.smtptap(t, "export", "-f", "phpmailer"); clock.ReplaceAllString(got, "CLOCK\t") != clock.ReplaceAllString(printed, "CLOCK\t") {
			t.Errorf("%v: exported\n%s\nPHPMailer printed\n%s", c.rcpt, got, printed)
		}
	}
}
