package export_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"golang.org/x/net/html"

	"smtptap/decode"
	"smtptap/decode/facts"
	"smtptap/decode/lang"
	"smtptap/decode/who"
	"smtptap/recordings/export"
	"smtptap/recordings/redact"
)

var update = flag.Bool("update", false, "write the golden files anew")

// A teller builds a transcript as a session does.
type teller struct {
	t       *decode.Transcript
	d       decode.Dialogue
	streams [3][]byte
	at      time.Duration
}

func newTeller(keep bool) *teller {
	return &teller{d: decode.Dialogue{KeepSecrets: keep}, t: &decode.Transcript{ID: "20260102-030405-006-abcde", Source: decode.SourceRecording, Ended: true,
		Started: time.Date(2026, 1, 2, 3, 4, 5, 6e6, time.UTC), Target: "smtp://mx.example.org:587", SecretsKept: keep}}
}

func (x *teller) fact(f facts.Fact) {
	x.at += 2 * time.Millisecond
	x.t.Entries = append(x.t.Entries, decode.Entry{At: x.at, From: who.Smtptap, To: who.Smtptap, Fact: f})
}

func (x *teller) take(o decode.Out) {
	for _, e := range o.Events {
		from, to := who.Client, who.Server
		if e.Side == who.Server {
			from, to = to, from
		}
		x.t.Entries = append(x.t.Entries, decode.Entry{At: e.At, From: from, To: to, Event: &e})
	}
	for _, p := range o.Pieces {
		x.streams[p.Side] = append(x.streams[p.Side], p.Bytes...)
		if p.Mask != nil {
			x.streams[p.Side] = append(x.streams[p.Side], decode.MaskText...)
		}
	}
}

func (x *teller) say(side who.Party, text string) {
	x.at += 3 * time.Millisecond
	for p := []byte(text); len(p) > 0; {
		o := x.d.Feed(x.at, side, p)
		x.take(o)
		p = p[o.N:]
	}
}

func (x *teller) client(lines ...string) { x.say(who.Client, strings.Join(lines, "\r\n")+"\r\n") }
func (x *teller) server(lines ...string) { x.say(who.Server, strings.Join(lines, "\r\n")+"\r\n") }

func (x *teller) end() *decode.Transcript {
	x.fact(&facts.Closed{Leg: who.ServerLeg, How: "fin"})
	x.fact(&facts.Closed{Leg: who.ClientLeg, How: "fin"})
	x.take(x.d.Closed(x.at, who.Client))
	x.take(x.d.Closed(x.at, who.Server))
	x.fact(&facts.End{Cause: facts.CauseClosed, ClientBytes: int64(len(x.streams[who.Client])), ServerBytes: int64(len(x.streams[who.Server]))})
	x.t.Bytes = func(_ who.Leg, side who.Party, s decode.Span) ([]byte, error) {
		return x.streams[side][s.Start:s.End], nil
	}
	return x.t
}

const password = "cAnArY-pAsSwOrD-4711"

// sample is a session over STARTTLS with one accepted and one refused
// recipient. Everything that a peer chooses holds evil.
func sample(keep bool, evil string) *decode.Transcript {
	x := newTeller(keep)
	x.fact(&facts.Open{Client: "127.0.0.1:40000", Listen: "127.0.0.1:2525"})
	x.fact(&facts.Dial{Host: "mx.example.org", Addr: "192.0.2.25:587", Local: "127.0.0.1:40001", Why: "configured", Took: 3 * time.Millisecond})
	x.server("220 mx.example.org ESMTP " + evil)
	x.client("EHLO client.example.com" + evil)
	x.server("250-mx.example.org "+evil, "250-STARTTLS", "250 8BITMIME")
	x.client("STARTTLS")
	x.server("220 go ahead")
	x.fact(&facts.TLS{Leg: who.ServerLeg, Version: "TLS 1.3", Cipher: "TLS_AES_128_GCM_SHA256", SNI: "mx.example.org", Verified: true, Checked: true, Verdict: "ok"})
	x.take(x.d.Secured(x.at))
	x.client("EHLO client.example.com")
	x.server("250-mx.example.org", "250-AUTH PLAIN LOGIN", "250 8BITMIME")
	x.client("AUTH PLAIN AHVzZXJAZXhhbXBsZS5jb20AY0FuQXJZLXBBc1N3T3JELTQ3MTE=")
	x.server("235 2.7.0 welcome")
	x.client("MAIL FROM:<user@example.com>")
	x.server("250 2.1.0 fine")
	x.client("RCPT TO:<rcpt@example.net>")
	x.server("250 2.1.5 fine")
	x.client("RCPT TO:<" + evil + "nobody@example.net>")
	x.server("550-5.1.1 "+evil, "550 5.1.1 no such user here")
	x.client("DATA")
	x.server("354 go on")
	x.client("From: "+evil+" <user@example.com>", "To: rcpt@example.net", "Subject: =?utf-8?B?5piT6IGU5LqR6aqM6K+B56CB?= "+evil,
		"Date: Fri, 02 Jan 2026 03:04:05 +0000", "Message-ID: <1@client.example.com>", "Content-Type: multipart/mixed; boundary=\"b1"+evil+"\"", "",
		"--b1", "Content-Type: text/plain; charset=utf-8", "", "你好 smtp, write to user@example.com", "https://www.example.com/reset?token=0123456789abcdef0123456789 "+evil,
		"..a dot", "--b1", "Content-Type: application/octet-stream; name=\""+evil+"\"", "Content-Transfer-Encoding: base64", "", "AAECAwQ=", "--b1--", ".")
	x.server("250 2.0.0 Ok: queued as 4XYZ12")
	x.client("QUIT")
	x.server("221 2.0.0 bye")
	return x.end()
}

func write(t *testing.T, tr *decode.Transcript, format string, secrets ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := export.Write(&b, tr, format, lang.English, secrets); err != nil {
		t.Fatalf("%s: %v", format, err)
	}
	return b.Bytes()
}

func TestGolden(t *testing.T) {
	for _, format := range export.Formats() {
		got := write(t, sample(false, ""), format)
		path := filepath.Join("testdata", "session"+export.Extension(format)+".golden")
		if *update {
			if err := os.WriteFile(path, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s differs from %s; see it with -update and git diff", format, path)
		}
	}
}

// A password that a recording keeps is in no export, in no form.
func TestKeptSecretsAreNotExported(t *testing.T) {
	kept := sample(true, "")
	secrets := redact.Secrets(kept)
	if len(secrets) != 1 || secrets[0] != password {
		t.Fatalf("secrets are %q", secrets)
	}
	shared, err := redact.Apply(kept, redact.Levels{})
	if err != nil {
		t.Fatal(err)
	}
	for _, format := range export.Formats() {
		write(t, shared, format, secrets...) // Guard refuses a leak
	}
	// Forms that show bytes as they are depend on what they are handed.
	for _, format := range []string{"json", "pcapng"} {
		if err := export.Write(new(bytes.Buffer), kept, format, lang.English, secrets); err != redact.ErrLeak {
			t.Errorf("%s of the recording as it is: %v", format, err)
		}
	}
}

func TestJSONSchema(t *testing.T) {
	schema, err := jsonschema.NewCompiler().Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, evil := range []string{"", "<b>&\"\x1b[2J\xff"} {
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(write(t, sample(false, evil), "json")))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(doc); err != nil {
			t.Error(err)
		}
	}
	var line map[string]any
	var b bytes.Buffer
	if err := export.JSONLine(&b, sample(false, ""), 3, lang.English); err != nil || json.Unmarshal(b.Bytes(), &line) != nil || line["session"] == "" {
		t.Errorf("%s %v", b.Bytes(), err)
	}
}

// attacks are what a peer might send to run code in the page.
var attacks = strings.Split(strings.TrimSpace(`
<script>alert(1)</script>
<img src=x onerror=alert(1)>
"><script>alert(1)</script>
'><svg/onload=alert(1)>
</pre><script>alert(1)</script>
</details></ol><script>alert(1)</script>
</style><script>alert(1)</script>
</title><script>alert(1)</script>
<iframe src=javascript:alert(1)></iframe>
<a href="javascript:alert(1)">x</a>
<body onload=alert(1)>
<svg><script>alert(1)</script></svg>
<math><mtext></mtext><script>alert(1)</script></math>
<link rel=stylesheet href=http://192.0.2.9/x.css>
<meta http-equiv=refresh content=0;url=http://192.0.2.9>
<base href=http://192.0.2.9/>
<object data=http://192.0.2.9/x></object>
<embed src=http://192.0.2.9/x>
<form action=http://192.0.2.9><input name=a></form>
<input autofocus onfocus=alert(1)>
<details open ontoggle=alert(1)>
<video src=x onerror=alert(1)>
<audio src=http://192.0.2.9/x.ogg>
<img src=http://192.0.2.9/x.png>
<style>@import 'http://192.0.2.9/x.css';</style>
<div style="background:url(http://192.0.2.9/x)">
<!--><script>alert(1)</script>-->
<![CDATA[<script>alert(1)</script>]]>
{{.Title}} {{template "finding"}}
&lt;script&gt;alert(1)&lt;/script&gt;
&#60;script&#62;alert(1)&#60;/script&#62;
%3Cscript%3Ealert(1)%3C/script%3E
\u003cscript\u003ealert(1)\u003c/script\u003e
javascript:alert(1)
data:text/html,<script>alert(1)</script>
<scr<script>ipt>alert(1)</scr</script>ipt>
<SCRIPT SRC=//192.0.2.9/x></SCRIPT>
<noscript><p title="</noscript><img src=x onerror=alert(1)>">
<textarea><img src=x onerror=alert(1)></textarea>
<template><script>alert(1)</script></template>`), "\n")

// Nothing that a peer sends becomes markup.
func TestHTMLIsInert(t *testing.T) {
	if len(attacks) < 40 {
		t.Fatalf("%d attacks", len(attacks))
	}
	plain := elements(t, write(t, sample(false, ""), "html"))
	for _, attack := range attacks {
		page := write(t, sample(false, attack), "html")
		if got := elements(t, page); fmt.Sprint(got) != fmt.Sprint(plain) {
			t.Errorf("%q changes the elements of the page:\n%v\nwant\n%v", attack, got, plain)
		}
	}
}

// elements counts the elements of a page that are not plain text, and fails
// for those that could run or fetch something.
func elements(t *testing.T, page []byte) map[string]int {
	t.Helper()
	doc, err := html.Parse(bytes.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	for n := range doc.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		switch n.Data {
		case "script", "img", "iframe", "object", "embed", "link", "base", "form", "input", "video", "audio", "math", "a":
			t.Errorf("the page has a <%s>", n.Data)
		case "span", "div", "p", "small", "code", "strong", "li":
			// How many of these there are hangs on notes about odd bytes.
		case "ul", "pre", "details", "summary":
			if !inFinding(n) { // as many as odd bytes prove
				count[n.Data]++
			}
		default:
			count[n.Data]++
		}
		for _, a := range n.Attr {
			if strings.HasPrefix(a.Key, "on") || a.Key == "src" || a.Key == "href" || strings.Contains(a.Val, "url(") {
				t.Errorf("<%s> has %s=%q", n.Data, a.Key, a.Val)
			}
		}
	}
	return count
}

// inFinding reports an element of a finding.
func inFinding(n *html.Node) bool {
	for p := range n.Ancestors() {
		for _, a := range p.Attr {
			if a.Key == "class" && strings.HasPrefix(a.Val, "finding") {
				return true
			}
		}
	}
	return false
}

// Markdown shows what a peer sends as text, and fits into an issue.
func TestMarkdown(t *testing.T) {
	evil := "</details>```````<img src=x> @everyone #1 [x](http://192.0.2.9)"
	got := string(write(t, sample(false, evil), "markdown"))
	outside, dialogue, _ := strings.Cut(got, "<details>")
	for _, bad := range []string{"<img", "</details>", " @everyone", "[x]("} {
		if strings.Contains(outside, bad) {
			t.Errorf("%q stands outside the dialogue:\n%s", bad, outside)
		}
	}
	fence := dialogue[strings.Index(dialogue, "```"):]
	fence = fence[:strings.Index(fence, "text")]
	if strings.Count(dialogue, fence) != 2 {
		t.Errorf("the fence %s does not stand exactly twice", fence)
	}
	x := newTeller(false)
	x.server("220 mx")
	for i := range 3000 {
		x.client(fmt.Sprintf("NOOP %d %s", i, strings.Repeat("x", 60)))
		x.server("250 fine")
	}
	long := write(t, x.end(), "markdown")
	if len(long) > 65536 || !bytes.Contains(long, []byte("lines left out")) || !bytes.Contains(long, []byte("NOOP 2999")) {
		t.Errorf("%d bytes", len(long))
	}
}

// What a terminal would act on is escaped in every export meant for reading.
func TestNoEscapesInText(t *testing.T) {
	evil := "\x1b]0;owned\x07\x1b[2J\u202e\u009b31m"
	for _, format := range []string{"text", "phpmailer", "markdown", "html"} {
		for _, r := range string(write(t, sample(false, evil), format)) {
			if r < ' ' && r != '\n' && r != '\t' || r == 0x7f || r >= 0x80 && r < 0xa0 || r == 0x202e {
				t.Fatalf("%s holds %U", format, r)
			}
		}
	}
}

// tshark reads the capture as SMTP to the last line, with good checksums.
func TestPCAPNGInTshark(t *testing.T) {
	if _, err := exec.LookPath("tshark"); err != nil {
		if os.Getenv("SMTPTAP_E2E") == "require" {
			t.Fatal("tshark is missing: .ci/run installs it")
		}
		t.Skip("tshark is not installed")
	}
	file := filepath.Join(t.TempDir(), "session.pcapng")
	tr := sample(false, "")
	if err := os.WriteFile(file, write(t, tr, "pcapng"), 0o600); err != nil {
		t.Fatal(err)
	}
	tshark := func(args ...string) string {
		out, err := exec.Command("tshark", append([]string{"-n", "-r", file, "-o", "tcp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE"}, args...)...).Output()
		if err != nil {
			t.Fatalf("tshark %v: %v", args, err)
		}
		return string(out)
	}
	if bad := tshark("-Y", "_ws.malformed || tcp.checksum.status == 0 || ip.checksum.status == 0 || tcp.analysis.flags"); bad != "" {
		t.Errorf("tshark complains of\n%s", bad)
	}
	smtp := tshark("-Y", "smtp")
	for _, want := range []string{"220 mx.example.org", "STARTTLS", "AUTH PLAIN", "RCPT TO:<rcpt@example.net>", "queued as 4XYZ12", "221 2.0.0 bye"} {
		if !strings.Contains(smtp, want) {
			t.Errorf("%q is not in\n%s", want, smtp)
		}
	}
	var said [2]strings.Builder
	for stream := range 2 {
		raw := tshark("-q", "-z", fmt.Sprintf("follow,tcp,raw,%d", stream))
		for _, line := range strings.Split(raw, "\n") {
			side := 0
			if strings.HasPrefix(line, "\t") {
				side = 1
			}
			var b []byte
			if _, err := fmt.Sscanf(strings.TrimSpace(line), "%x", &b); err == nil && len(b) > 0 && len(strings.TrimSpace(line)) == 2*len(b) {
				said[side].Write(b)
			}
		}
	}
	for side, want := range map[int]who.Party{0: who.Client, 1: who.Server} {
		var stream []byte
		for _, e := range tr.Entries {
			if e.Event != nil && e.Event.Side == want {
				b, _ := tr.Bytes(who.ClientLeg, want, e.Event.Span)
				stream = append(stream, b...)
			}
		}
		if said[side].String() != string(stream) {
			t.Errorf("the stream of the %s is\n%q\nwant\n%q", want, said[side].String(), stream)
		}
	}
}

// The message comes out as the client meant it, for other readers too.
func TestEML(t *testing.T) {
	eml := write(t, sample(false, ""), "eml")
	if !bytes.Contains(eml, []byte("\r\n.a dot\r\n")) || bytes.HasSuffix(eml, []byte("\r\n.\r\n")) {
		t.Errorf("%q", eml)
	}
	python, err := exec.LookPath("/usr/bin/python3")
	if err != nil {
		t.Skip("python3 is not installed")
	}
	cmd := exec.Command(python, "-c", "import email, email.policy, sys\nm = email.message_from_binary_file(sys.stdin.buffer, policy=email.policy.SMTP)\n"+
		"print(m['Subject'], [p.get_content_type() for p in m.walk()], len(m.defects))")
	cmd.Stdin = bytes.NewReader(eml)
	cmd.Env = append(os.Environ(), "PYTHONIOENCODING=utf-8")
	out, err := cmd.Output()
	if err != nil || string(out) != "易联云验证码  ['multipart/mixed', 'text/plain', 'application/octet-stream'] 0\n" && !strings.HasPrefix(string(out), "易联云验证码") {
		t.Errorf("%q, %v", out, err)
	}
	if err := export.EML(new(bytes.Buffer), sample(false, ""), 7); err == nil {
		t.Error("an eighth message was written")
	}
}
