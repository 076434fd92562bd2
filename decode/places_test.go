package decode_test

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"html"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"

	"smtptap/decode"
	"smtptap/decode/who"
)

// A place is a session that says a secret somewhere: %s is the secret, %b the
// base64 of PLAIN with it, %e base64 of the secret alone.
type place struct{ name, text string }

var places = []place{
	{"a space before AUTH", `C: \x20AUTH PLAIN %b`},
	{"a tab before AUTH", `C: \tAUTH PLAIN %b`},
	{"NUL before AUTH", `C: \x00AUTH PLAIN %b`},
	{"a byte order mark before AUTH", `C: \xef\xbb\xbfAUTH PLAIN %b`},
	{"CR before AUTH", `C: \rAUTH PLAIN %b`},
	{"a prompt before AUTH", `C: C: AUTH PLAIN %b`},
	{"a no-break space before AUTH", `C: \xc2\xa0AUTH PLAIN %b`},
	{"SYN before AUTH", `C: \x16AUTH PLAIN %b`},
	{"a tab after AUTH", `C: AUTH\tPLAIN\t%b`},
	{"an unknown mechanism", `C: AUTH X-OWN %s`},
	{"CR inside AUTH", `C: AUTH PLAIN\r%b`},
	{"AUTHPLAIN", `C: AUTHPLAIN %b`},
	{"user and password in EHLO", `C: EHLO user:%s@host.example`},
	{"an argument of RSET", `C: RSET %s`},
	{"an argument of QUIT", `C: QUIT %s`},
	{"an argument of STARTTLS", `C: STARTTLS %s`},
	{"a parameter of RCPT", `C: RCPT TO:<a@b.example> XPASS=%s`},
	{"AUTHPLAIN without a space", `C: AUTHPLAIN%b`},
	{"AUTH-PLAIN", `C: AUTH-PLAIN %b`},
	{"AUTH:PLAIN", `C: AUTH:PLAIN %b`},
	{"AUTH=PLAIN", `C: AUTH=PLAIN %b`},
	{"AUTH, PLAIN", `C: AUTH, PLAIN, %b`},
	{"AUTH in quotes", `C: "AUTH" "PLAIN" "%b"`},
	{"XAUTH", `C: XAUTH PLAIN %b`},
	{"X-AUTH", `C: X-AUTH LOGIN %e`},
	{"X-EXPS", `C: X-EXPS LOGIN %s`},
	{"X-EXPS that is answered", `C: X-EXPS LOGIN;S: 334 VXNlcm5hbWU6;C: %s;S: 334 UGFzc3dvcmQ6;C: %e;S: 535 no`},
	{"an unknown verb that is answered by 334", `C: XLOGON;S: 334 ;C: MAIL FROM:<%s>;S: 535 no`},
	{"AUTH PLAIN inside NOOP", `C: NOOP\rAUTH PLAIN %b`},
	{"AUTH LOGIN after NOOP", `C: NOOP AUTH LOGIN %e`},
	{"AUTH PLAIN after a NUL in HELP", `C: HELP\x00AUTH PLAIN %b`},
	{"credentials in HELP", `C: HELP %b`},
	{"credentials in EHLO", `C: EHLO %b`},
	{"EHLO with a URL", `C: EHLO smtp://user:%s@mx.example.org/`},
	{"a command of nobody", `C: XSETPW %s`},
	{"a passphrase in a line", `C: Horse %s staple`},
	{"the password in a line", `C: %s`},
	{"its base64 in a line", `C: %e`},
	{"XOAUTH2's message as it is", `C: user=u@example.com\x01auth=Bearer %s\x01\x01`},
	{"after 334, as it is", `C: AUTH LOGIN;S: 334 VXNlcm5hbWU6;C: dXNlcg==;S: 334 UGFzc3dvcmQ6;C: %s;S: 535 no`},
	{"after 334, like HELP", `C: AUTH LOGIN;S: 334 VXNlcm5hbWU6;C: dQ==;S: 334 UGFzc3dvcmQ6;C: HELP %s;S: 535 no`},
	{"after 334, like MAIL", `C: AUTH LOGIN;S: 334 VXNlcm5hbWU6;C: dQ==;S: 334 UGFzc3dvcmQ6;C: MAIL FROM:<%s>;S: 535 no`},
	{"after 334, like EHLO", `C: AUTH PLAIN;S: 334 ;C: EHLO %s;S: 535 no`},
	{"after 334, like AUTH", `C: AUTH PLAIN;S: 334 ;C: AUTH PLAIN %b;S: 535 no`},
	{"after 334, like QUIT", `C: AUTH PLAIN;S: 334 ;C: QUIT %s;S: 535 no`},
	{"before 334, like NOOP", `C: AUTH LOGIN;C: dXNlcg==;C: NOOP %s;S: 334 VXNlcm5hbWU6;S: 334 UGFzc3dvcmQ6;S: 535 no`},
	{"after a login failed", `C: AUTH PLAIN %b;S: 535 no;C: %s`},
	{"the other way round", `C: AUTH LOGIN;S: 334 UGFzc3dvcmQ6;C: %e;S: 334 VXNlcm5hbWU6;C: dXNlcg==;S: 535 no`},
	{"POP3", `C: USER user@example.com;S: 500 what;C: PASS %s`},
	{"POP3's APOP", `C: APOP user %s`},
	{"POP3's AUTH", `C: AUTH PLAIN;S: + ;C: %b`},
	{"IMAP", `C: a1 LOGIN user@example.com %s`},
	{"IMAP, quoted", `C: A0001 login "user@example.com" "%s"`},
	{"IMAP AUTHENTICATE", `C: a1 AUTHENTICATE PLAIN %b`},
	{"IMAP AUTHENTICATE in two lines", `C: a1 AUTHENTICATE PLAIN;S: 500 what;C: %b`},
	{"IMAP with literals", `C: a1 LOGIN {4};S: 500 what;C: user {12};S: 500 what;C: %s`},
	{"NNTP", `C: AUTHINFO USER user;S: 500 what;C: AUTHINFO PASS %s`},
	{"NNTP SASL", `C: AUTHINFO SASL PLAIN %b`},
	{"ManageSieve", `C: AUTHENTICATE "PLAIN" "%b"`},
	{"ManageSieve with a literal", `C: Authenticate "PLAIN" {40+};C: %b`},
	{"FTP", `C: USER user;S: 500 what;C: PASS %s;S: 500 what;C: ACCT %s`},
	{"IRC", `C: PASS %s;C: NICK user;C: PRIVMSG NickServ :IDENTIFY %s`},
	{"Redis", `C: AUTH %s`},
	{"Redis, by its protocol", `C: *2;C: $4;C: AUTH;C: $12;C: %s`},
	{"XMPP", `C: <auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>%b</auth>`},
	{"LDAP", `C: 0\x20\x02\x01\x01\x60\x1b\x02\x01\x03\x04\x02cn\x80\x0c%s`},
	{"SOCKS5", `C: \x05\x01\x02\x01\x04user\x0c%s`},
	{"HTTP Authorization", `C: GET / HTTP/1.1;C: Host: x;C: Authorization: Basic %b`},
	{"HTTP Bearer", `C: GET / HTTP/1.1;C: authorization:Bearer %s`},
	{"HTTP Cookie", `C: GET / HTTP/1.1;C: Cookie: a=b; session=%s`},
	{"HTTP X-Auth-Token", `C: GET / HTTP/1.1;C: X-Auth-Token: %s`},
	{"HTTP X-Api-Key", `C: GET / HTTP/1.1;C: X-Api-Key: %s`},
	{"HTTP header of nobody, folded", `C: GET / HTTP/1.1;C: X-Mine: a;C: \x20%s`},
	{"a field of HTTP alone", `C: X-Vault-Token: %s`},
	{"HTTP query", `C: GET /?token=%s HTTP/1.1`},
	{"HTTP path", `C: GET /reset/%s HTTP/1.1`},
	{"HTTP URL", `C: GET http://user:%s@example.com/ HTTP/1.1`},
	{"HTTP Referer", `C: GET / HTTP/1.1;C: Referer: http://x/?key=%s`},
	{"HTTP User-Agent", `C: GET / HTTP/1.1;C: User-Agent: x (token=%s)`},
	{"HTTP form", `C: POST / HTTP/1.1;C: Content-Length: 9;C: ;C: user=a&password=%s`},
	{"HTTP JSON", `C: POST / HTTP/1.1;C: ;C: {"user": "a",;C: "password": "%s"}`},
	{"HTTP body like a command", `C: POST / HTTP/1.1;C: ;C: HELP %s`},
	{"SIP", `C: REGISTER sip:example.com SIP/2.0;C: Authorization: Digest response="%s"`},
	{"XCLIENT", `C: XCLIENT NAME=x LOGIN=%s`},
	{"XCLIENT, an attribute of nobody", `C: XCLIENT ADDR=192.0.2.1 PASSWORD=%s`},
	{"a long command", `C: XLONG ` + strings.Repeat("x", decode.MaxRaw) + `%s`},
	{"a long NOOP", `C: NOOP\r` + strings.Repeat("x", decode.MaxRaw-20) + `\rAUTH PLAIN %b`},
	{"after LF.LF", `C: DATA;S: 354 go;C: Subject: x\r\n\r\nhi\r\n\n.\nAUTH PLAIN %b;S: 250 ok;S: 535 no`},
	{"after CR.CR", `C: DATA;S: 354 go;C: Subject: x\r\n\r\nhi\r.\rAUTH PLAIN %b;S: 250 ok;S: 535 no`},
	{"after a dot with NUL", `C: DATA;S: 354 go;C: Subject: x\r\n\r\nhi\r\n\x00.\r\nAUTH PLAIN %b;S: 250 ok;S: 535 no`},
	{"after LF.CRLF in the header", `C: DATA;S: 354 go;C: Subject: x\n.\r\nauth login %e;S: 250 ok;S: 535 no`},
	{"AUTH LOGIN after LF.LF, at once", `C: DATA;S: 354 go;C: hi\n.\nAUTH LOGIN\r\ndXNlcg==\r\n%e;S: 250 ok`},
	{"AUTH LOGIN after LF.LF, answered", `C: DATA;S: 354 go;C: hi\n.\nAUTH LOGIN;S: 250 ok;S: 334 VXNlcm5hbWU6;C: dXNlcg==;S: 334 UGFzc3dvcmQ6;C: %s;S: 535 no`},
	{"a 334 in a message", `C: DATA;S: 354 go;C: hi;S: 334 UGFzc3dvcmQ6;C: %s;S: 535 no`},
	{"a long AUTH after LF.LF", `C: DATA;S: 354 go;C: hi\n.\nAUTH PLAIN ` + strings.Repeat("A", decode.MaxRaw) + `%b`},
}

func (p place) turns(secret string) []turn {
	turns := []turn{{who.Server, "220 mx\r\n"}, {who.Client, "EHLO c\r\n"}, {who.Server, "250-mx\r\n250 AUTH PLAIN LOGIN\r\n"}}
	for _, line := range strings.Split(strings.ReplaceAll(p.text, "; ", "\x1b"), ";") {
		side, said := who.Client, strings.ReplaceAll(line[len("C: "):], "\x1b", "; ")
		if line[0] == 'S' {
			side = who.Server
		}
		for _, escape := range []struct{ written, means string }{
			{`\x20`, " "}, {`\t`, "\t"}, {`\x00`, "\x00"}, {`\xef\xbb\xbf`, "\xef\xbb\xbf"}, {`\xc2\xa0`, "\u00a0"}, {`\x16`, "\x16"}, {`\x01`, "\x01"}, {`\x02`, "\x02"},
			{`\x03`, "\x03"}, {`\x04`, "\x04"}, {`\x05`, "\x05"}, {`\x0c`, "\x0c"}, {`\x1b`, "\x1b"}, {`\x60`, "`"}, {`\x80`, "\x80"}, {`\r`, "\r"}, {`\n`, "\n"},
			{"%s", secret}, {"%b", b64("\x00" + testUser + "\x00" + secret)}, {"%e", b64(secret)},
		} {
			said = strings.ReplaceAll(said, escape.written, escape.means)
		}
		turns = append(turns, turn{side, said + "\r\n"})
	}
	return turns
}

var cuts = []func(int) int{whole, func(int) int { return 1 }, func(n int) int { return min(n, 7) }}

// checkSecret plays a session cut in several ways: the secret is in nothing
// that is kept, every byte is accounted for, and the recording reads as it was
// live.
func checkSecret(t *testing.T, turns []turn, secrets ...string) {
	t.Helper()
	for _, cut := range cuts {
		r := run(turns, cut)
		checkTiles(t, t.Name(), r)
		checkFed(t, turns, r)
		checkNoLeak(t, r, secrets...)
		if got := replay(r); !reflect.DeepEqual(got.events, r.events) {
			t.Fatalf("recorded:\n%s\nlive:\n%s", shown(got.events), shown(r.events))
		}
	}
}

func TestSecretsAreFoundByTheirPlace(t *testing.T) {
	for _, p := range places {
		t.Run(p.name, func(t *testing.T) { checkSecret(t, p.turns("cAnArY4711xQ"), "cAnArY4711xQ") })
		t.Run(p.name+", with its end missing", func(t *testing.T) {
			turns := p.turns("cAnArY4711xQ")
			last := &turns[len(turns)-1]
			last.text = strings.TrimSuffix(last.text, "\r\n")
			checkSecret(t, turns, "cAnArY4711xQ")
		})
	}
}

// What is harmless stays readable.
func TestHarmlessLinesStay(t *testing.T) {
	for _, line := range []string{
		"XKNOWN", "X-UNKNOWN-VERB", "ehllo", "MAIL FROM:<ann@example.org> SIZE=100 BODY=8BITMIME", "MAIL FROM:<ann@example.org> AUTH=<>", "RCPT TO:<bob@example.net> NOTIFY=NEVER",
		"RCPT TO:<auth@example.net> ORCPT=rfc822;auth+40example.net", "EHLO auth.example.org", "VRFY login", "EXPN users", "HELP AUTH", "NOOP", "ETRN example.org", "MIAL FROM:<ann@example.org>",
		"GET / HTTP/1.1", "POST /login HTTP/1.1", "CONNECT mx.example.org:25 HTTP/1.1", "Host: x.example.org", "User-Agent: curl/8.5.0", "PROXY TCP4 192.0.2.1 192.0.2.2 1234 25", "PROXY UNKNOWN",
		"X-EXPS LOGIN", "AUTH LOGIN", "XAUTH", "Subject: weekly news", "From: Ann <ann@example.org>", "XCLIENT NAME=x ADDR=192.0.2.1", "BDAT 0 LAST", ".",
	} {
		r := decodeScript(t, "S: 220 mx\nC: "+line+"\nS: 500 what")
		if got := strings.TrimSpace(string(r.raw[who.Client])); got != line {
			t.Errorf("%q is kept as %q", line, got)
		}
	}
}

// written are ways of a server to write a secret.
var written = map[string]func(string) string{
	"as it is":              func(s string) string { return s },
	"in lower case":         strings.ToLower,
	"in upper case":         strings.ToUpper,
	"in quotes":             func(s string) string { return fmt.Sprintf("%q", s) },
	"quoted by JSON":        func(s string) string { return strings.ReplaceAll(fmt.Sprintf("%+q", s), "c", `\u0063`) },
	"in base64":             func(s string) string { return b64(s) },
	"in base64 after text":  func(s string) string { return b64("u:" + s) },
	"in base64 in text":     func(s string) string { return b64("you said " + s + " to me") },
	"in base64 of the pair": func(s string) string { return b64(testUser + ":" + s) },
	"in base64 twice":       func(s string) string { return b64(b64(s)) },
	"in unpadded base64":    func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) },
	"in joined base64":      func(s string) string { return "said" + b64(s) },
	"in base64 of UTF-16":   func(s string) string { return b64(utf16le(s)) },
	"in hex":                func(s string) string { return hex.EncodeToString([]byte(s)) },
	"in hex with colons":    func(s string) string { return strings.ReplaceAll(fmt.Sprintf("% X", s), " ", ":") },
	"in hex of C":           func(s string) string { return strings.ReplaceAll(fmt.Sprintf("% x", " "+s), " ", `\x`) },
	"in percent":            func(s string) string { return strings.ReplaceAll(fmt.Sprintf("% X", " "+s), " ", "%") },
	"for a URL":             url.QueryEscape,
	"in quoted-printable":   func(s string) string { return strings.ReplaceAll(fmt.Sprintf("% X", " "+s), " ", "=") },
	"in xtext":              func(s string) string { return strings.ReplaceAll(fmt.Sprintf("% X", " "+s), " ", "+") },
	"for HTML":              html.EscapeString,
	"in entities": func(s string) string {
		var b strings.Builder
		for _, r := range s {
			fmt.Fprintf(&b, "&#%d;", r)
		}
		return b.String()
	},
	"in UTF-16":       utf16le,
	"in octal":        func(s string) string { return strings.ReplaceAll(fmt.Sprintf("%q", s), "c", `\143`) },
	"with spaces":     func(s string) string { return strings.Join(strings.Split(s, ""), " ") },
	"reversed":        func(s string) string { r := []rune(s); slices.Reverse(r); return string(r) },
	"over two lines":  func(s string) string { return s[:5] + "\r\n535 " + s[5:] },
	"over many lines": func(s string) string { return s[:4] + "\r\n535-5.7.8 " + s[4:8] + "\r\n535 5.7.8 " + s[8:] },
	"base64 over lines": func(s string) string {
		e := b64("u\x00" + s)
		return e[:7] + "\r\n535-" + e[7:15] + "\r\n535 " + e[15:]
	},
	"percent of base64":    func(s string) string { return url.QueryEscape(b64(s)) },
	"between other things": func(s string) string { return "x" + s + "y" },
}

func utf16le(s string) string {
	var b []byte
	for _, r := range s {
		b = append(b, byte(r), byte(r>>8))
	}
	return string(b)
}

// A server repeats a secret in any notation, to the login, to a later command,
// as a challenge, and of many attempts the first.
func TestRepeatedSecretsInEachNotation(t *testing.T) {
	for name, write := range written {
		for _, secret := range []string{"cAnArY4711xQ", "cAnArY&<47>11 xQ", "cAnArY-4711-éß"} {
			said := write(secret)
			code := "535"
			if strings.Contains(said, "\r\n") {
				code = "535-"
			}
			login := turn{who.Client, "AUTH PLAIN " + b64("\x00"+testUser+"\x00"+secret) + "\r\n"}
			hello := []turn{{who.Server, "220 mx\r\n"}, {who.Client, "EHLO c\r\n"}, {who.Server, "250 AUTH PLAIN\r\n"}}
			many := slices.Clone(append(hello, login, turn{who.Server, "535 no\r\n"}))
			for i := range 100 {
				many = append(many, turn{who.Client, "AUTH PLAIN " + b64(fmt.Sprintf("\x00u\x00other-%d-password", i)) + "\r\n"}, turn{who.Server, "535 no\r\n"})
			}
			sep := " "
			if code == "535-" {
				code, sep = "535", "-"
			}
			for where, turns := range map[string][]turn{
				"the login":   append(slices.Clone(hello), login, turn{who.Server, code + sep + "bad " + said + "\r\n"}),
				"MAIL":        append(slices.Clone(hello), login, turn{who.Server, "235 ok\r\n"}, turn{who.Client, "MAIL FROM:<a@example.org>\r\n"}, turn{who.Server, code + sep + "bad " + said + "\r\n"}),
				"the last":    append(slices.Clone(many), turn{who.Client, "NOOP\r\n"}, turn{who.Server, code + sep + said + "\r\n"}),
				"a challenge": append(slices.Clone(hello), login, turn{who.Server, "334 " + b64("it was "+strings.ReplaceAll(said, "\r\n535", "")) + "\r\n"}),
			} {
				t.Run(name+" of "+secret+" to "+where, func(t *testing.T) {
					r := run(turns, whole)
					checkTiles(t, name, r)
					checkFed(t, turns, r)
					kept := string(r.raw[who.Server])
					for _, form := range []string{secret, strings.ToLower(secret), strings.ToUpper(secret), said, secret[:8]} {
						if strings.Contains(kept, form) || strings.Contains(shown(r.events), form) {
							t.Fatalf("%q is kept:\n%q", form, kept)
						}
					}
					for _, l := range strings.Split(said, "\r\n") {
						if words := strings.Fields(l); strings.Contains(kept, words[len(words)-1]) && len(words[len(words)-1]) > 3 {
							t.Fatalf("%q is kept:\n%q", l, kept)
						}
					}
				})
			}
		}
	}
}

// Short secrets and common words are masked where the server answers the login,
// and nowhere else: a word that is missing from a text would tell it.
func TestShortSecretsAreMaskedByPlace(t *testing.T) {
	for _, c := range []struct{ password, reply, want, later string }{
		{"abc", "535 bad password abc", "535 bad password [secret]", "550 abc.example.org says no"},
		{"abc", "535 bad password " + b64("abc"), "535 bad password [secret]", "550 no abc here"},
		{"mail", "535 mail login failed", "535 mail login failed", "550 no such mailbox, mail refused"},
		{"failed", `535 failed: "failed"`, `535 failed: "[secret]"`, "550 failed"},
		{"password", "535 invalid password", "535 invalid password", "550 password"},
		{"mx.example.org", "535 mx.example.org says no", "535 [secret] says no", "250 mx.example.org"},
	} {
		r := run([]turn{{who.Server, "220 mx.example.org\r\n"}, {who.Client, "AUTH PLAIN " + b64("\x00u\x00"+c.password) + "\r\n"}, {who.Server, c.reply + "\r\n"},
			{who.Client, "MAIL FROM:<a@example.org>\r\n"}, {who.Server, c.later + "\r\n"}}, whole)
		if want := "220 mx.example.org\r\n" + c.want + "\r\n" + c.later + "\r\n"; string(r.raw[who.Server]) != want {
			t.Errorf("%s: kept %q, want %q", c.password, r.raw[who.Server], want)
		}
	}
}

// A user name is kept from a message that has the whole form of its mechanism,
// and from no other.
func TestIdentitiesNeedTheWholeForm(t *testing.T) {
	const secret = "cAnArY4711xQ"
	bearer := func(sep string) string { return "user=" + testUser + sep + "auth=Bearer " + secret + sep + sep }
	for _, c := range []struct {
		mechanism, message string
		fact               string // "" for a message whose user name is shown
	}{
		{"PLAIN", "\x00" + testUser + "\x00" + secret, ""},
		{"PLAIN", "admin\x00" + testUser + "\x00" + secret, ""},
		{"PLAIN", testUser + "\x00" + secret, decode.FactNULMissing},
		{"PLAIN", testUser + ":" + secret, decode.FactNULMissing},
		{"PLAIN", `\0` + testUser + `\0` + secret, decode.FactNULMissing},
		{"PLAIN", "\x00" + testUser + "\x00" + secret + "\x00", decode.FactShape},
		{"PLAIN", testUser + "\x00" + secret + "\x00", decode.FactEmpty},
		{"PLAIN", "\x00" + secret + "\x00" + testUser, decode.FactUserNoDomain},
		{"PLAIN", "\x00" + testUser + ":" + secret + "\x00x", "user-shape"},
		{"CRAM-MD5", testUser + " " + digest, ""},
		{"CRAM-MD5", secret + " x", decode.FactShape},
		{"CRAM-MD5", secret, decode.FactShape},
		{"CRAM-MD5", testUser + " " + secret + " " + digest, "user-shape"},
		{"CRAM-MD5", testUser + " " + digest[1:], decode.FactShape},
		{"DIGEST-MD5", `username="` + testUser + `",realm="x",nonce="y",response=` + digest, ""},
		{"DIGEST-MD5", `username="` + testUser + `,password=` + secret + `"`, decode.FactShape},
		{"DIGEST-MD5", `username="` + testUser + `,password=` + secret + `",realm="x",nonce="y",response=` + digest, "user-shape"},
		{"DIGEST-MD5", `username="` + testUser + `",username="` + secret + `",nonce="y",response=` + digest, decode.FactShape},
		{"XOAUTH2", bearer("\x01"), ""},
		{"XOAUTH2", bearer(`\1`), decode.FactSeparatorWritten},
		{"XOAUTH2", bearer(`\x01`), decode.FactSeparatorWritten},
		{"XOAUTH2", bearer(`\u0001`), decode.FactSeparatorWritten},
		{"XOAUTH2", bearer(`\001`), decode.FactSeparatorWritten},
		{"XOAUTH2", bearer("^A"), decode.FactSeparatorWritten},
		{"XOAUTH2", bearer("%01"), decode.FactSeparatorWritten},
		{"XOAUTH2", bearer(" "), decode.FactSeparator},
		{"XOAUTH2", bearer("\n"), decode.FactSeparator},
		{"XOAUTH2", bearer("\r\n"), decode.FactSeparator},
		{"XOAUTH2", bearer(","), decode.FactSeparator},
		{"XOAUTH2", bearer("\x00"), decode.FactSeparator},
		{"XOAUTH2", bearer(""), decode.FactSeparator},
		{"XOAUTH2", strings.TrimSuffix(bearer("\x01"), "\x01"), decode.FactShape},
		{"XOAUTH2", "user=" + testUser + `\1auth=Bearer ` + secret + "\x01auth=Bearer x\x01\x01", decode.FactSeparatorWritten},
		{"XOAUTH2", secret, decode.FactShape},
		{"OAUTHBEARER", "n,a=" + testUser + ",\x01host=mx\x01port=587\x01auth=Bearer " + secret + "\x01\x01", ""},
		{"OAUTHBEARER", "n,a=" + testUser + "^Aauth=Bearer " + secret + "^A^A", decode.FactSeparatorWritten},
		{"OAUTHBEARER", "n,a=" + testUser + ",auth=Bearer " + secret, decode.FactSeparator},
		{"OAUTHBEARER", bearer("\x01"), decode.FactShape},
		{"SCRAM-SHA-256", "n,,n=" + testUser + ",r=abc", ""},
		{"SCRAM-SHA-256", "n,,n=" + secret, decode.FactShape},
		{"SCRAM-SHA-256", "n=" + testUser + " " + secret + ",r=abc", decode.FactShape},
		{"LOGIN", testUser, ""},
		{"LOGIN", testUser + ":" + secret, "user-shape"},
		{"LOGIN", testUser + " " + secret, "user-shape"},
		{"LOGIN", bearer("\x01"), "user-shape"},
		{"LOGIN", "\x00" + testUser + "\x00" + secret, "user-shape"},
		{"NTLM", ntlmAuthenticate(testUser), ""},
		{"NTLM", strings.Replace(ntlmAuthenticate(testUser), "\x01\x00\x00\x00u", "\x00\x00\x00\x00u", 1)[:70], "user-shape"},
	} {
		turns := []turn{{who.Server, "220 mx\r\n"}, {who.Client, "AUTH " + c.mechanism + " " + b64(c.message) + "\r\n"}, {who.Server, "535 no\r\n"}}
		r := run(turns, whole)
		checkNoLeak(t, r, secret, digest)
		a := r.events[1].Auth
		if c.fact == "" {
			if a.User != testUser {
				t.Errorf("%s %q: the user name is %q", c.mechanism, c.message, a.User)
			}
			continue
		}
		if a.User != "" || a.Authzid != "" || a.Secret == nil {
			t.Errorf("%s %q: shows %q %q", c.mechanism, c.message, a.User, a.Authzid)
		} else if c.fact != "user-shape" && !slices.Contains(a.Secret.Facts, c.fact) {
			t.Errorf("%s %q: %v, want %s", c.mechanism, c.message, a.Secret.Facts, c.fact)
		}
	}
}
