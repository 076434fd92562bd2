package findings_test

import (
	"slices"
	"strings"
	"testing"

	"smtptap/decode/facts"
	"smtptap/decode/findings"
	"smtptap/decode/lang"
)

// The fix speaks the language of the client whose words the log shows.
func TestClientOfErrors(t *testing.T) {
	for words, want := range map[string]string{
		"dial tcp 192.0.2.7:587: connect: connection refused":                                "go",
		"x509: certificate signed by unknown authority":                                      "go",
		"Errno::ECONNREFUSED: Connection refused - connect(2)":                               "ruby",
		"lettre: Connection error: Connection refused (os error 111)":                        "rust",
		"{:network_failure, ~c\"mx.example.org\", {:error, :timeout}}":                       "elixir",
		"javax.mail.MessagingException: Could not connect to SMTP host; nested exception is": "java",
		"System.Net.Mail.SmtpException: Failure sending mail.":                               "dotnet",
		"smtplib.SMTPServerDisconnected: Connection unexpectedly closed":                     "python",
		"msmtp: authentication failed (method PLAIN)":                                        "msmtp",
		"curl: (67) Login denied":                                                            "curl",
		"something failed":                                                                   "",
	} {
		tr := play(t, "error "+words)
		if got := findings.Analyze(tr, lang.English).Client; got != want {
			t.Errorf("%q is %q, want %q", words, got, want)
		}
	}
}

// A port that the log shows to be of no use is not advised.
func TestFixTriesAnotherPort(t *testing.T) {
	for _, port := range []string{"587", "465", "25"} {
		tr := add(play(t, ""), &facts.Dial{Host: "smtp.example.com", Addr: "smtp.example.com:" + port, Err: "i/o timeout", Class: "timeout"})
		r := findings.Analyze(tr, lang.English)
		if !has(r, "CONN-TIMEOUT") {
			t.Fatalf("port %s: %s", port, list(r))
		}
		fix := r.Findings[0].Fix
		said := strings.Join(fix.Steps, " ")
		for _, c := range fix.Clients {
			said += " " + strings.Join(c.Steps, " ") + " " + c.Code
		}
		words := strings.FieldsFunc(said, func(r rune) bool { return r < '0' || r > '9' })
		if slices.Contains(words, port) || strings.Contains(said, "{port") {
			t.Errorf("port %s timed out, and the fix is %q", port, said)
		}
	}
}

// A program can act on a verdict.
func TestRetry(t *testing.T) {
	for script, want := range map[string]findings.Verdict{
		loggedIn + mail + "C: RCPT TO:<to@example.net>\nS: 550 5.1.1 no such user\n": {Class: findings.ClassRecipient, Retry: findings.RetryNever, Certainty: findings.CertainExact},
		loggedIn + mail + "C: RCPT TO:<to@example.net>\nS: 450 4.2.0 greylisted\n":   {Class: findings.ClassServer, Retry: findings.RetryLater, Certainty: findings.CertainExact},
		loggedIn + mail + "C: RCPT TO:<to@example.net>\nS: 552 mailbox full\n":       {Class: findings.ClassRecipient, Retry: findings.RetryNever, Certainty: findings.CertainExact},
		loggedIn + mail + "C: RCPT TO:<to@example.net>\nS: 452 mailbox full\n":       {Class: findings.ClassRecipient, Retry: findings.RetryLater, Certainty: findings.CertainExact},
		loggedIn + mail + "C: RCPT TO:<to@example.net>\nS: 550 no thank you\n":       {Class: findings.ClassRecipient, Retry: findings.RetryAfterFix, Certainty: findings.CertainStage},
		hello + login + "S: 535 wrong password\n":                                    {Class: findings.ClassLogin, Retry: findings.RetryAfterFix, Certainty: findings.CertainExact},
		"error 451 4.3.0 frob\n": {Class: findings.ClassServer, Retry: findings.RetryLater, Certainty: findings.CertainStage},
		sent:                     {},
	} {
		v := findings.Analyze(play(t, script), lang.English).Verdict
		if v.Class != want.Class || v.Retry != want.Retry || v.Certainty != want.Certainty {
			t.Errorf("%s: %s, %s, %s (%s), want %v", script[len(script)-min(len(script), 40):], v.Class, v.Retry, v.Certainty, v.ID, want)
		}
	}
}
