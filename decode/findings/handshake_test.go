package findings_test

import (
	"strings"
	"testing"
	"time"

	"smtptap/decode"
	"smtptap/decode/facts"
	"smtptap/decode/findings"
	"smtptap/decode/lang"
	"smtptap/decode/who"
)

// A cell is one way in which TLS can fail, and what is to be said of it: the id,
// words of the sentence, and words of the fix.
type cell struct {
	name  string
	fact  facts.TLS
	own   bool // smtptap asked for STARTTLS itself
	id    string
	says  string
	fixes string
}

// What stands in the facts of handshakes.
var (
	hello13 = &facts.Hello{Leg: who.ClientLeg, Versions: []string{"TLS 1.3"}}
	minted  = []facts.Certificate{{Subject: "CN=mx.example.org"}}
)

// onClient and onServer are facts of a handshake on either connection.
func onClient(implicit bool, class string, by who.Party) facts.TLS {
	return facts.TLS{Leg: who.ClientLeg, Implicit: implicit, Class: class, By: by, Err: "the reason", Took: 10 * time.Millisecond}
}

func onServer(implicit bool, class string, by who.Party) facts.TLS {
	f := onClient(implicit, class, by)
	f.Leg = who.ServerLeg
	return f
}

// alerted, shown, after and judged add to a fact what else was seen.
func alerted(f facts.TLS, alert string) facts.TLS { f.Alert = alert; return f }
func asked(f facts.TLS) facts.TLS                 { f.ClientCert = true; return f }
func after(f facts.TLS, took time.Duration) facts.TLS {
	f.Took = took
	return f
}
func helloed(f facts.TLS) facts.TLS { f.Hello = hello13; return f }
func shown(f facts.TLS) facts.TLS {
	f.Hello, f.Chain = hello13, minted
	return f
}
func judged(f facts.TLS, verdict string) facts.TLS {
	f.Verdict, f.Reason, f.Checked = verdict, "the verdict in words", true
	return f
}

const (
	caHowto    = "smtptap ca howto"
	serverCA   = "--server-ca FILE"
	plainTo    = "--to smtp://"
	listenAsIs = "Listen without `tls:`"
	tlsMin     = "--tls-min"
)

var cells = []cell{
	// The client's connection, TLS from the first byte.
	{"client, implicit, refuses the certificate", alerted(shown(onClient(true, "alert", who.Client)), "unknown_ca"), false, "TLS-PROXY-CA-UNTRUSTED", "alert: unknown_ca", caHowto},
	{"client, implicit, another alert for it", alerted(shown(onClient(true, "alert", who.Client)), "certificate_unknown"), false, "TLS-PROXY-CA-UNTRUSTED", "certificate_unknown", caHowto},
	{"client, implicit, another alert", alerted(shown(onClient(true, "alert", who.Client)), "internal_error"), false, "TLS-HANDSHAKE-FAIL", "did not agree: the reason", "client's own error"},
	{"client, implicit, no version", alerted(onClient(true, "no-common-version", who.Client), "protocol_version"), false, "TLS-VERSION-MISMATCH", "The client and smtptap have no TLS version", tlsMin},
	{"client, implicit, no version for smtptap", helloed(onClient(true, "no-common-version", 0)), false, "TLS-VERSION-MISMATCH", "The client and smtptap", tlsMin},
	{"client, implicit, no cipher", helloed(onClient(true, "no-common-cipher", 0)), false, "TLS-VERSION-MISMATCH", "The client and smtptap", "Update the client"},
	{"client, implicit, speaks in clear", onClient(true, "not-tls", 0), false, "PLAIN-ON-IMPLICIT-TLS-PORT", "clear text on smtptap's TLS port", listenAsIs},
	{"client, implicit, says nothing", after(onClient(true, "timeout", 0), 30*time.Second), false, "PLAIN-ON-IMPLICIT-TLS-PORT", "client silent on smtptap's TLS port", listenAsIs},
	{"client, implicit, stops in the middle", after(helloed(onClient(true, "timeout", 0)), 30*time.Second), false, "TLS-HANDSHAKE-TIMEOUT", "TLS handshake timed out", "openssl"},
	{"client, implicit, waits and leaves", after(onClient(true, "closed", who.Client), 5*time.Second), false, "PLAIN-ON-IMPLICIT-TLS-PORT", "client silent on smtptap's TLS port", listenAsIs},
	{"client, implicit, looks and leaves", onClient(true, "closed", who.Client), false, "", "", ""},
	{"client, implicit, looks and resets", onClient(true, "reset", who.Client), false, "", "", ""},
	{"client, implicit, leaves after its hello", helloed(onClient(true, "closed", who.Client)), false, "TLS-HANDSHAKE-RESET", "client cut the TLS handshake", "client's own error"},
	{"client, implicit, leaves at the certificate", shown(onClient(true, "closed", who.Client)), false, "TLS-PROXY-CA-UNTRUSTED", "as soon as it saw", caHowto},
	{"client, implicit, resets at the certificate", shown(onClient(true, "reset", who.Client)), false, "TLS-PROXY-CA-UNTRUSTED", "as soon as it saw", caHowto},
	{"client, implicit, something else", helloed(onClient(true, "other", 0)), false, "TLS-HANDSHAKE-FAIL", "with the client failed", "client's own error"},

	// The client's connection, STARTTLS.
	{"client, STARTTLS, refuses the certificate", alerted(shown(onClient(false, "alert", who.Client)), "bad_certificate"), false, "TLS-PROXY-CA-UNTRUSTED", "client rejected smtptap's certificate", caHowto},
	{"client, STARTTLS, another alert", alerted(shown(onClient(false, "alert", who.Client)), "decode_error"), false, "TLS-HANDSHAKE-FAIL", "with the client failed", "client's own error"},
	{"client, STARTTLS, no version", helloed(onClient(false, "no-common-version", 0)), false, "TLS-VERSION-MISMATCH", "The client and smtptap", tlsMin},
	{"client, STARTTLS, goes on in clear", onClient(false, "not-tls", 0), false, "STARTTLS-CLIENT-IN-CLEAR", "sent clear text after STARTTLS", "Start the handshake"},
	{"client, STARTTLS, says nothing", after(onClient(false, "timeout", 0), 30*time.Second), false, "TLS-HANDSHAKE-TIMEOUT", "TLS handshake timed out", "openssl"},
	{"client, STARTTLS, leaves after the 220", onClient(false, "closed", who.Client), false, "TLS-HANDSHAKE-RESET", "client cut the TLS handshake", "client's own error"},
	{"client, STARTTLS, waits and resets", after(onClient(false, "reset", who.Client), 5*time.Second), false, "TLS-HANDSHAKE-RESET", "client cut the TLS handshake", "client's own error"},
	{"client, STARTTLS, leaves at the certificate", shown(onClient(false, "closed", who.Client)), false, "TLS-PROXY-CA-UNTRUSTED", "as soon as it saw", caHowto},

	// The server's connection, TLS from the first byte.
	{"server, implicit, self-signed", judged(onServer(true, "certificate", 0), "self-signed"), false, "TLS-SERVER-CERT-REFUSED", "the verdict in words", serverCA},
	{"server, implicit, expired", judged(onServer(true, "certificate", 0), "expired"), false, "TLS-SERVER-CERT-REFUSED", "smtptap rejected the server's certificate", "`-k` (`--insecure`)"},
	{"server, implicit, another name", judged(onServer(true, "certificate", 0), "wrong-name"), false, "TLS-NAME-MISMATCH", "smtptap rejected the certificate: wrong name", "Name the server in `--to`"},
	{"server, implicit, in clear", onServer(true, "not-tls", 0), false, "SMTPS-TO-PLAIN-PORT", "The server spoke first, in clear text", plainTo},
	{"server, implicit, closes", onServer(true, "closed", who.Server), false, "TLS-HANDSHAKE-RESET", "server cut the TLS handshake", tlsMin},
	{"server, implicit, says nothing", after(onServer(true, "timeout", 0), 30*time.Second), false, "TLS-HANDSHAKE-TIMEOUT", "TLS handshake timed out", "openssl"},
	{"server, implicit, wants a certificate", alerted(asked(onServer(true, "alert", who.Server)), "certificate_required"), false, "TLS-CLIENT-CERT-WANTED", "server requires a client certificate", "--client-cert"},

	// The server's connection, the client's STARTTLS.
	{"server, STARTTLS, self-signed", judged(onServer(false, "certificate", 0), "self-signed"), false, "TLS-SERVER-CERT-REFUSED", "smtptap rejected the server's certificate", serverCA},
	{"server, STARTTLS, unknown authority", judged(onServer(false, "certificate", 0), "unknown-authority"), false, "TLS-SERVER-CERT-REFUSED", "smtptap rejected the server's certificate", serverCA},
	{"server, STARTTLS, not yet valid", judged(onServer(false, "certificate", 0), "not-yet-valid"), false, "TLS-SERVER-CERT-REFUSED", "smtptap rejected the server's certificate", serverCA},
	{"server, STARTTLS, a weak key", judged(onServer(false, "certificate", 0), "weak-key"), false, "TLS-SERVER-CERT-REFUSED", "too weak", "Renew the certificate"},
	{"server, STARTTLS, another name", judged(onServer(false, "certificate", 0), "wrong-name"), false, "TLS-NAME-MISMATCH", "wrong name", "`-k` (`--insecure`)"},
	{"server, STARTTLS, in clear", onServer(false, "not-tls", 0), false, "STARTTLS-220-NO-TLS", "no TLS after the server's 220", "--starttls hide"},
	{"server, STARTTLS, closes", onServer(false, "closed", who.Server), false, "TLS-HANDSHAKE-RESET", "server cut the TLS handshake", "server's log"},
	{"server, STARTTLS, resets", onServer(false, "reset", who.Server), false, "TLS-HANDSHAKE-RESET", "server cut the TLS handshake", "server's log"},
	{"server, STARTTLS, says nothing", after(onServer(false, "timeout", 0), 30*time.Second), false, "TLS-HANDSHAKE-TIMEOUT", "TLS handshake timed out", "openssl"},
	{"server, STARTTLS, no version", onServer(false, "no-common-version", 0), false, "TLS-VERSION-MISMATCH", "The server and smtptap", tlsMin},
	{"server, STARTTLS, no cipher", onServer(false, "no-common-cipher", 0), false, "TLS-VERSION-MISMATCH", "The server and smtptap", tlsMin},
	{"server, STARTTLS, finds none either", alerted(onServer(false, "alert", who.Server), "handshake_failure"), false, "TLS-VERSION-MISMATCH", "The server and smtptap", tlsMin},
	{"server, STARTTLS, wants a certificate, in TLS 1.2", alerted(asked(onServer(false, "alert", who.Server)), "handshake_failure"), false, "TLS-CLIENT-CERT-WANTED", "server requires a client certificate", "--client-cert"},
	{"server, STARTTLS, refuses smtptap's certificate", alerted(asked(onServer(false, "alert", who.Server)), "unknown_ca"), false, "TLS-CLIENT-CERT-WANTED", "server requires a client certificate", "--client-cert"},
	{"server, STARTTLS, another alert", alerted(onServer(false, "alert", who.Server), "unrecognized_name"), false, "TLS-HANDSHAKE-FAIL", "did not agree: the reason", "server's log"},
	{"server, STARTTLS, something else", onServer(false, "other", 0), false, "TLS-HANDSHAKE-FAIL", "with the server failed", "server's log"},

	// The server's connection, at smtptap's own wish.
	{"server, own wish, self-signed", judged(onServer(false, "certificate", 0), "self-signed"), true, "TLS-SERVER-CERT-REFUSED", "smtptap rejected the server's certificate", serverCA},
	{"server, own wish, another name", judged(onServer(false, "certificate", 0), "wrong-name"), true, "TLS-NAME-MISMATCH", "wrong name", "--to"},
	{"server, own wish, in clear", onServer(false, "not-tls", 0), true, "STARTTLS-220-NO-TLS", "no TLS after the server's 220", "leave `--tls-to-server` out"},
	{"server, own wish, resets", onServer(false, "reset", who.Server), true, "TLS-HANDSHAKE-RESET", "server cut the TLS handshake", "server's log"},
	{"server, own wish, says nothing", after(onServer(false, "timeout", 0), 30*time.Second), true, "TLS-HANDSHAKE-TIMEOUT", "TLS handshake timed out", "openssl"},
	{"server, own wish, no version", alerted(onServer(false, "no-common-version", who.Server), "protocol_version"), true, "TLS-VERSION-MISMATCH", "The server and smtptap", tlsMin},
	{"server, own wish, another alert", alerted(onServer(false, "alert", who.Server), "internal_error"), true, "TLS-HANDSHAKE-FAIL", "with the server failed", "server's log"},
}

// ownSTARTTLS is what smtptap says to the server before the client is heard.
func ownSTARTTLS() []decode.Entry {
	command := &decode.Event{Side: who.Client, Kind: decode.KindCommand, Raw: []byte("STARTTLS\r\n"), Command: &decode.Command{Verb: "STARTTLS", Known: true}}
	return []decode.Entry{{From: who.Smtptap, To: who.Server, Leg: who.ServerLeg, Event: command}}
}

// The reply that smtptap gives the client is not the server's, whatever failed.
var lastWords = map[who.Leg]string{
	who.ClientLeg: "554 5.7.0 [smtptap] TLS begins with the first byte on this port",
	who.ServerLeg: "454 4.7.0 [smtptap] TLS with the server failed: the reason",
}

func (c *cell) session(t testing.TB) *decode.Transcript {
	tr := &decode.Transcript{Source: decode.SourceRecording, Ended: true}
	if c.own {
		tr.Entries = append(tr.Entries, ownSTARTTLS()...)
	} else if !c.fact.Implicit {
		tr = play(t, "S: 220 mx.example.org ESMTP\nC: EHLO www.example.com\nS: 250-mx.example.org\nS: 250 STARTTLS\nC: STARTTLS\nS: 220 go\nclosed C")
		tr.Entries = tr.Entries[:len(tr.Entries)-1] // the close is told below
	}
	add(tr, &c.fact)
	words := lastWords[c.fact.Leg]
	if c.id == "" {
		return add(tr, &facts.End{Cause: facts.CauseTLS, Err: c.fact.Err}) // nobody is there to be told
	}
	tr.Entries = append(tr.Entries, decode.Entry{From: who.Smtptap, To: who.Client, Leg: who.ClientLeg, Event: &decode.Event{
		Side: who.Server, Kind: decode.KindReply, Raw: []byte(words + "\r\n"),
		Reply: &decode.Reply{Code: 554, To: -1, Lines: []decode.ReplyLine{{Code: 554, Text: words[len("554 5.7.0 "):]}}},
	}})
	return add(tr, &facts.End{Cause: facts.CauseTLS, Err: c.fact.Err})
}

func TestFailedHandshakes(t *testing.T) {
	for i := range cells {
		c := &cells[i]
		t.Run(c.name, func(t *testing.T) {
			tr := c.session(t)
			r := findings.Analyze(tr, lang.English)
			proofsExist(t, tr, r)
			if c.id == "" {
				if r.Verdict.ID != findings.VerdictNothing || len(r.Findings) > 0 {
					t.Fatalf("a look at the port is %s (%s)\n%s", r.Verdict.ID, r.Verdict.Text, list(r))
				}
				return
			}
			if r.Verdict.ID != c.id {
				t.Fatalf("verdict %s (%s), want %s\n%s", r.Verdict.ID, r.Verdict.Text, c.id, list(r))
			}
			f := r.Findings[0]
			if !strings.Contains(f.Text+". "+f.Why, c.says) {
				t.Errorf("it says %q, %q, want %q", f.Text, f.Why, c.says)
			}
			if fix := strings.Join(f.Fix.Steps, "\n"); !strings.Contains(fix, c.fixes) {
				t.Errorf("the fix is %q, want %q", fix, c.fixes)
			}
			for _, other := range r.Findings[1:] {
				if other.Severity != findings.Advice {
					t.Errorf("a consequence is told as %s %s: %s", other.Severity, other.ID, other.Text)
				}
			}
		})
	}
}

const (
	inLog    = "dialect phpmailer-6\n"
	starttls = inLog + "S: 220 mx.example.org ESMTP\nC: EHLO www.example.com\nS: 250-mx.example.org\nS: 250 STARTTLS\nC: STARTTLS\n"
)

// ownWords are replies of smtptap's, in a log of the client's that shows them as
// the server's.
var ownWords = []struct{ script, reply, id string }{
	{starttls, "454 4.7.0 [smtptap] TLS with the server failed: the server's certificate is not accepted (self-signed): it is signed by itself; to trust it, give it with --server-ca", "TLS-SERVER-CERT-REFUSED"},
	{starttls, "454 4.7.0 [smtptap] TLS with the server failed: its certificate is signed by itself; see --server-ca, or -k", "TLS-SERVER-CERT-REFUSED"},
	{starttls, "454 4.7.0 [smtptap] TLS with the server failed: the server's certificate is not accepted (wrong-name): it is for mail.example.com", "TLS-NAME-MISMATCH"},
	{starttls, `454 4.7.0 [smtptap] TLS with the server failed: the server accepted STARTTLS and then spoke no TLS, but "500 what"`, "STARTTLS-220-NO-TLS"},
	{starttls, "454 4.7.0 [smtptap] TLS with the server failed: the server reset the connection during the handshake", "TLS-HANDSHAKE-RESET"},
	{starttls, "454 4.7.0 [smtptap] TLS with the server failed: the server said nothing in 30 seconds", "TLS-HANDSHAKE-TIMEOUT"},
	{starttls, "454 4.7.0 [smtptap] TLS with the server failed: the server wants an older version of TLS than smtptap offers, which is TLS 1.2 or 1.3; --tls-min lets it speak older ones", "TLS-VERSION-MISMATCH"},
	{starttls, "454 4.7.0 [smtptap] TLS with the server failed: the server ended the handshake with the alert internal_error", "TLS-HANDSHAKE-FAIL"},
	{starttls, "454 4.7.0 [smtptap] STARTTLS is hidden here (--starttls hide): the client asked for it without being offered it", "STARTTLS-HIDDEN"},
	{starttls, "454 4.7.0 [smtptap] TLS can't be opened here: reading the authority: permission denied", "TLS-CA-UNUSABLE"},
	{inLog, `421 4.7.0 [smtptap] TLS with the server failed: the server spoke no TLS, but "220 mx": this port starts in clear text and wants STARTTLS; use smtp:// in place of smtps://`, "SMTPS-TO-PLAIN-PORT"},
	{inLog, "421 4.7.0 [smtptap] STARTTLS with the server failed: the server does not offer STARTTLS, which --tls-to-server wants", "TLS-TO-SERVER-REFUSED"},
	{inLog, "421 4.7.0 [smtptap] TLS with the server failed: the server refused STARTTLS: 454 4.7.0 not now", "TLS-TO-SERVER-REFUSED"},
	{inLog, "421 4.4.2 [smtptap] no greeting from the server: it closed the connection", "CONN-CLOSED-NO-GREETING"},
	{inLog, "421 4.4.1 [smtptap] cannot reach the server: 192.0.2.25:25: connection refused", "CONN-REFUSED"},
	{inLog, "421 4.4.1 [smtptap] cannot reach the server: 192.0.2.25:25: no answer in 30 seconds", "CONN-TIMEOUT"},
	{inLog, "421 4.4.1 [smtptap] cannot reach the server: mx.example.invalid: no such host", "CONN-LOCAL-UNAVAILABLE"},
	{inLog, "421 4.3.2 [smtptap] too many sessions at the same time; raise --max-sessions or try again later", "TOO-MANY-SESSIONS"},
	{inLog, "554 5.4.6 [smtptap] this session comes from smtptap itself", "LOOP-TO-SELF"},
	{inLog, "554 5.7.0 [smtptap] TLS begins with the first byte on this port", "PLAIN-ON-IMPLICIT-TLS-PORT"},
	{inLog + hello + "C: AUTH PLAIN AHUAcA==\n", "502 5.5.1 [smtptap] no login here: the server is the MX of the recipient, and those take mail without one", "SMTPTAP-REFUSED"},
}

func TestOwnWordsInLogs(t *testing.T) {
	for _, c := range ownWords {
		for how, text := range map[string]string{
			"the reply":              c.script + "S: " + c.reply + "\n",
			"and the client":         c.script + "S: " + c.reply + "\nerror SMTP Error: " + c.reply + "\n",
			"the client's word only": inLog + "error SMTP ERROR: command failed: " + c.reply + "\n",
		} {
			r := findings.Analyze(play(t, text), lang.English)
			if how == "the client's word only" && c.id == "SMTPTAP-REFUSED" {
				continue
			}
			if r.Verdict.ID != c.id {
				t.Errorf("%s, %s: verdict %s (%s), want %s\n%s", c.reply, how, r.Verdict.ID, r.Verdict.Text, c.id, list(r))
			}
			for _, f := range r.Findings {
				if f.ID != c.id && f.Severity == findings.Failure {
					t.Errorf("%s, %s: %s is found too: %s", c.reply, how, f.ID, f.Text)
				}
			}
		}
	}
}
