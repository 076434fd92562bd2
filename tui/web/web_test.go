package web_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"smtptap/decode/facts"
	"smtptap/decode/lang"
	"smtptap/decode/outcome"
	"smtptap/decode/who"
	"smtptap/recordings"
	"smtptap/recordings/transcript"
	"smtptap/tui/web"
)

// serve shows the sessions of a new Set in pages at the address.
func serve(t *testing.T, l lang.Lang) (set *transcript.Set, address string) {
	t.Helper()
	folder, err := recordings.OpenFolder(filepath.Join(t.TempDir(), "recordings"))
	if err != nil {
		t.Fatal(err)
	}
	set = transcript.NewSet(transcript.Options{Folder: folder, KeepSecrets: true})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &web.Server{Sessions: func() *transcript.Set { return set }, Lang: l}
	address = s.Address(listener, "127.0.0.1")
	ctx, cancel := context.WithCancel(t.Context())
	var serving sync.WaitGroup
	serving.Go(func() { s.Serve(ctx, listener) })
	t.Cleanup(func() { cancel(); serving.Wait(); set.Close(); folder.Close() })
	return set, address
}

// say notes lines of a session: C: to the server, S: to the client.
func say(l *transcript.Log, lines ...string) {
	for _, line := range lines {
		from, to := who.Client, who.Server
		if strings.HasPrefix(line, "S") {
			from, to = to, from
		}
		l.Data(from, to, []byte(line[3:]+"\r\n"))
	}
}

// sent is a session that sends a mail from an address.
func sent(set *transcript.Set, from, subject string) *transcript.Log {
	l := set.Begin(transcript.Session{Target: "sink"})
	l.Fact(&facts.Open{Client: "192.0.2.1:5000"})
	say(l, "S: 220 x", "C: EHLO client.example.org", "S: 250 x", "C: AUTH PLAIN AGFubgBoZW1saWdo", "S: 235 ok", "C: MAIL FROM:<"+from+">", "S: 250 ok",
		"C: RCPT TO:<bob@example.net>", "S: 250 ok", "C: DATA", "S: 354 go", "C: Subject: "+subject+"\r\n\r\n"+subject+"\r\n.", "S: 250 ok", "C: QUIT", "S: 221 bye")
	l.End(facts.End{Cause: facts.CauseClosed})
	return l
}

// browser is a client that keeps cookies, as one that has opened the address.
func browser(t *testing.T, address string) (get func(path string) (*http.Response, string)) {
	t.Helper()
	jar, _ := cookiejar.New(nil)
	client := &http.Client{Jar: jar}
	t.Cleanup(client.CloseIdleConnections)
	base, _, _ := strings.Cut(address, "/?")
	get = func(path string) (*http.Response, string) {
		resp, err := client.Get(base + path)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp, string(body)
	}
	if _, body := get("/" + address[strings.Index(address, "?"):]); !strings.Contains(body, "<table>") {
		t.Fatalf("the address leads to\n%s", body)
	}
	return get
}

// Only who has the token, and asks for an address, is let in.
func TestStrangers(t *testing.T) {
	_, address := serve(t, lang.English)
	base, token, _ := strings.Cut(address, "/?token=")
	port := base[strings.LastIndex(base, ":"):]
	for _, c := range []struct {
		method, path, host, cookie string
		want                       int
	}{
		{"GET", "/", "", "", 403}, {"GET", "/", "", "x", 403}, {"GET", "/", "", token[1:], 403}, {"GET", "/?token=x", "", "", 403},
		{"GET", "/style.css", "", "", 403}, {"GET", "/sessions/x", "", "", 403}, {"GET", "/events", "", "", 403},
		{"GET", "/", "", token, 200}, {"GET", "/", "localhost" + port, token, 200}, {"GET", "/", "[::1]" + port, token, 200},
		{"GET", "/", "evil.example" + port, token, 421}, {"GET", "/", "127.0.0.1.evil.example", token, 421}, {"GET", "/?token=" + token, "evil.example", "", 421},
		{"POST", "/", "", token, 405}, {"DELETE", "/sessions/x", "", token, 405}, {"GET", "/sessions/..%2f..%2fetc%2fpasswd", "", token, 404}, {"GET", "/nothing", "", token, 404},
		{"GET", "/?token=" + token, "", "", 303},
	} {
		req, _ := http.NewRequest(c.method, base+c.path, nil)
		req.Host = c.host
		if c.cookie != "" {
			req.AddCookie(&http.Cookie{Name: "smtptap-" + port[1:], Value: c.cookie})
		}
		resp, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if csp := resp.Header.Get("Content-Security-Policy"); resp.StatusCode != c.want || strings.Contains(csp, "unsafe") || !strings.HasPrefix(csp, "default-src 'none'") {
			t.Errorf("%s %s for %q with %q is answered %d, %q", c.method, c.path, c.host, c.cookie, resp.StatusCode, csp)
		}
	}
}

// The list is filtered, and turned page by page; a session is shown and exported
// without its password.
func TestPages(t *testing.T) {
	set, address := serve(t, lang.Chinese)
	l := sent(set, "ann@example.com", "你好")
	for i := range 10_000 {
		id := recordings.NewID(time.Now().Add(time.Duration(i) * time.Millisecond)) // or two may be the same
		set.AddSummary(transcript.Summary{ID: id, Started: time.Now(), Outcome: outcome.Refused, Code: 550, From: fmt.Sprint("n", i, "@example.com")}, "/nowhere/"+id)
	}
	get := browser(t, address)
	for _, c := range []struct {
		path string
		want []string
		rows int
	}{
		{"/", []string{`lang="zh"`, "n9999@", "n9900@", "较早", "10001"}, 100},
		{"/?page=2", []string{"n9899@", "较新", "较早"}, 100},
		{"/?page=101", []string{"ann@example.com", "你好", "较新"}, 1},
		{"/?page=9999999999999999999", nil, 0},
		{"/?q=from:ann", []string{"ann@example.com"}, 1},
		{"/?q=code:550&page=2", []string{"/?q=code%3a550&amp;page=3"}, 100},
		{"/?q=nonsense:(", []string{"failure", "nonsense"}, 100},
	} {
		_, page := get(c.path)
		for _, want := range c.want {
			if !strings.Contains(page, want) {
				t.Errorf("%s lacks %q:\n%.1500s", c.path, want, page)
			}
		}
		if rows := strings.Count(page, `href="/sessions/`); rows != c.rows {
			t.Errorf("%s has %d rows, want %d", c.path, rows, c.rows)
		}
	}
	_, page := get("/sessions/" + l.ID())
	for _, want := range []string{"RCPT TO:&lt;bob@example.net&gt;", "EHLO", "你好", "<rect"} {
		if !strings.Contains(page, want) {
			t.Errorf("the session's page lacks %q:\n%s", want, page)
		}
	}
	_, masked := get("/sessions/" + l.ID() + "/export?format=markdown&redact=addresses")
	_, whole := get("/sessions/" + l.ID() + "/export?format=markdown")
	for name, text := range map[string]string{"page": page, "export": whole, "redacted export": masked} {
		if strings.Contains(text, "hemligh") || strings.Contains(text, "AGFubgBoZW1saWdo") {
			t.Errorf("the %s holds the password", name)
		}
	}
	if strings.Contains(masked, "ann@example.com") || !strings.Contains(whole, "ann@example.com") {
		t.Errorf("it is redacted to\n%s", masked)
	}
	for _, bad := range []string{"format=exe", "format=text&redact=nothing", ""} {
		if resp, body := get("/sessions/" + l.ID() + "/export?" + bad); resp.StatusCode != 400 || body == "" {
			t.Errorf("%s is answered %d %s", bad, resp.StatusCode, body)
		}
	}
}
