package e2e

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"mime/quotedprintable"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"smtptap/decode"
	"smtptap/decode/lang"
	"smtptap/decode/who"
	"smtptap/proxy/handshake/certtest"
	"smtptap/recordings/export"
	"smtptap/recordings/redact"
	"smtptap/recordings/transcript"
)

// canary is the secret of these sessions. Its core is plain; around it stands
// what every notation writes in another way.
const (
	canaryCore = "cAnArYcOrE4711"
	canary     = "\"=&" + canaryCore + "\\+é"
	canaryUser = "user@example.com"
)

func b64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

// canaryForms are the ways in which the canary may be written, and its base64,
// which SCRAM encodes once more.
func canaryForms() []string {
	var forms []string
	for _, s := range []string{canaryCore, canary, b64(canary)} {
		digits := hex.EncodeToString([]byte(s))
		quoted := strconv.Quote(s)
		inJSON, _ := json.Marshal(s) // a string is always valid
		var printable bytes.Buffer
		w := quotedprintable.NewWriter(&printable)
		io.WriteString(w, s) // a Buffer does not fail
		w.Close()
		forms = append(forms, s, digits, strings.ToUpper(digits), url.QueryEscape(s), url.PathEscape(s), printable.String(),
			quoted[1:len(quoted)-1], string(inJSON[1:len(inJSON)-1]))
		for lead := range 3 {
			// Only what no neighbour has a part in.
			e := base64.StdEncoding.EncodeToString(append(make([]byte, lead), s...))
			e = e[(lead*8+5)/6 : (lead+len(s))*8/6]
			forms = append(forms, e, strings.NewReplacer("+", "-", "/", "_").Replace(e))
		}
	}
	return forms
}

// canaryIn is the form of the canary that text holds, "" for none.
func canaryIn(text string) string {
	for _, form := range canaryForms() {
		if i := strings.Index(text, form); i >= 0 {
			return text[max(0, i-60):min(len(text), i+len(form)+20)]
		}
	}
	return ""
}

// A turn is a line of the client and the answer of the server, in which %s is
// the line.
type turn struct{ line, answer string }

// canaryMechanisms are the responses of the client, the last one secret.
var canaryMechanisms = []struct {
	name      string
	responses []string
}{
	{"PLAIN", []string{"\x00" + canaryUser + "\x00" + canary}},
	{"LOGIN", []string{canaryUser, canary}},
	{"CRAM-MD5", []string{canaryUser + " " + canaryCore}},
	{"DIGEST-MD5", []string{`username="` + canaryUser + `",response=` + canaryCore}},
	{"NTLM", []string{"NTLMSSP\x00\x01\x00\x00\x00", "NTLMSSP\x00\x03\x00\x00\x00" + canary}},
	{"SCRAM-SHA-1", []string{"n,,n=" + canaryUser + ",r=abc", "c=biws,r=abc,p=" + b64(canary)}},
	{"SCRAM-SHA-256", []string{"n,,n=" + canaryUser + ",r=abc", "c=biws,r=abc,p=" + canaryCore}},
	{"XOAUTH2", []string{"user=" + canaryUser + "\x01auth=Bearer " + canaryCore + "\x01\x01"}},
	{"OAUTHBEARER", []string{"n,a=" + canaryUser + ",\x01auth=Bearer " + canaryCore + "\x01\x01"}},
	{"EXTERNAL", []string{"\x00" + canary}},
}

// canarySessions are the ways in which a client may give a secret away.
func canarySessions() map[string][]turn {
	all := map[string][]turn{
		"XCLIENT LOGIN":     {{"XCLIENT NAME=x LOGIN=" + canaryCore + " ADDR=192.0.2.1", "501 what is %s?"}},
		"typed after a 535": {{"AUTH LOGIN", "334 " + b64("Username:")}, {b64(canaryUser), "334 " + b64("Password:")}, {b64("wrong"), "535 5.7.8 no"}, {b64(canary), "500 what is %s?"}},
		"too early, LOGIN":  {{"AUTH LOGIN\r\n" + b64(canaryUser) + "\r\n" + b64(canary), "334 " + b64("Username:") + "\r\n334 " + b64("Password:") + "\r\n535 5.7.8 no"}},
		"too early, PLAIN":  {{"AUTH PLAIN\r\n" + b64("\x00u\x00"+canary), "334 \r\n235 2.7.0 yes"}},
	}
	for _, m := range canaryMechanisms {
		last := len(m.responses) - 1
		for _, lower := range []bool{false, true} {
			command, name := "AUTH "+m.name, m.name
			if lower {
				command, name = strings.ToLower(command), strings.ToLower(name)
			}
			initial := []turn{{command + " " + b64(m.responses[0]), "334 "}}
			asked := []turn{{command, "334 "}}
			for i, r := range m.responses {
				if i > 0 {
					initial = append(initial, turn{b64(r), "334 "})
				}
				asked = append(asked, turn{b64(r), "334 "})
			}
			for answer, text := range map[string]string{"accepted": "235 2.7.0 yes", "refused": "535 5.7.8 not %s", "unknown": "504 5.5.4 %s"} {
				all[name+", initial, "+answer] = answered(initial, text)
				all[name+", asked, "+answer] = answered(asked, text)
			}
			all[name+", cancelled"] = append(asked[:len(asked):len(asked)], turn{"*", "501 5.7.0 cancelled"}, turn{b64(m.responses[last]), "500 %s?"})
		}
		all[m.name+", never asked"] = []turn{{b64(m.responses[last]), "500 what is %s?"}}
	}
	return all
}

// answered ends an exchange with that answer.
func answered(turns []turn, answer string) []turn {
	turns = append([]turn(nil), turns...)
	turns[len(turns)-1].answer = answer
	return turns
}

// A canaryServer says what the script of each session tells.
type canaryServer struct {
	listener net.Listener
	tls      *tls.Config
	scripts  chan []turn
}

func newCanaryServer(t *testing.T, config *tls.Config) *canaryServer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &canaryServer{l, config, make(chan []turn, 1)}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			s.serve(conn)
		}
	}()
	t.Cleanup(func() {
		l.Close()
		<-ended
	})
	return s
}

// serve holds one session: EHLO, STARTTLS and QUIT as anybody would, all else
// by the script.
func (s *canaryServer) serve(conn net.Conn) {
	defer func() { conn.Close() }()
	conn.SetDeadline(time.Now().Add(deadline))
	script := <-s.scripts
	fmt.Fprint(conn, "220 mail.example.com ESMTP\r\n")
	lines := bufio.NewReader(conn)
	secure := false
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimRight(line, "\r\n")
		switch {
		case strings.HasPrefix(line, "EHLO "):
			offer := "250-STARTTLS\r\n"
			if secure || s.tls == nil {
				offer = ""
			}
			fmt.Fprint(conn, "250-mail.example.com\r\n"+offer+"250 AUTH PLAIN LOGIN CRAM-MD5\r\n")
		case line == "STARTTLS":
			fmt.Fprint(conn, "220 go\r\n")
			conn = tls.Server(conn, s.tls)
			lines, secure = bufio.NewReader(conn), true
		case line == "QUIT":
			fmt.Fprint(conn, "221 bye\r\n")
			return
		case len(script) > 0:
			for range strings.Count(script[0].line, "\r\n") {
				lines.ReadString('\n') // a client that is gone shows with the next read
			}
			fmt.Fprint(conn, strings.ReplaceAll(script[0].answer, "%s", line)+"\r\n")
			script = script[1:]
		}
	}
}

// canaryClient says the client's side, in pieces of at most cut bytes.
func canaryClient(t *testing.T, addr string, secure bool, cut int, script []turn) {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { conn.Close() }()
	conn.SetDeadline(time.Now().Add(deadline))
	lines := bufio.NewReader(conn)
	say := func(line string, answers int) {
		t.Helper()
		for p := line + "\r\n"; p != ""; {
			n := min(cut, len(p))
			if _, err := io.WriteString(conn, p[:n]); err != nil {
				t.Fatal(err)
			}
			p = p[n:]
		}
		for answers > 0 {
			reply, err := lines.ReadString('\n')
			if err != nil {
				t.Fatalf("after %q: %v", line, err)
			}
			if len(reply) > 3 && reply[3] != '-' {
				answers--
			}
		}
	}
	if _, err := lines.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	say("EHLO client.example.com", 1)
	if secure {
		say("STARTTLS", 1)
		conn = tls.Client(conn, &tls.Config{InsecureSkipVerify: true})
		lines = bufio.NewReader(conn)
		say("EHLO client.example.com", 1)
	}
	for _, turn := range script {
		say(turn.line, 1+strings.Count(turn.answer, "\r\n"))
	}
	say("QUIT", 1)
}

// canaryModes are the ways through smtptap.
var canaryModes = []struct {
	name           string
	server, client bool // TLS
	ui             string
	flags          []string
}{
	{"in clear", false, false, "text", nil},
	{"inside STARTTLS", true, true, "json", nil},
	{"hidden STARTTLS", true, false, "text", []string{"--starttls", "hide", "--tls-to-server"}},
}

// playCanaries plays all sessions through a smtptap that runs like that.
func playCanaries(t *testing.T, mode int, more ...string) *tap {
	t.Helper()
	m := canaryModes[mode]
	var config *tls.Config
	args := append([]string{"--ui", m.ui, "-v"}, append(m.flags, more...)...)
	if m.server {
		root := certtest.NewAuthority(t, "Example Root")
		config = &tls.Config{Certificates: []tls.Certificate{root.Issue(t, certtest.Spec{Names: []string{"127.0.0.1"}})}}
		file := filepath.Join(t.TempDir(), "roots.pem")
		if err := os.WriteFile(file, root.PEM(), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, "--server-ca", file)
	}
	s := newCanaryServer(t, config)
	p := start(t, append(args, "--to", "smtp://"+s.listener.Addr().String())...)
	sessions := canarySessions()
	cuts := []int{1 << 20, 1, 3}
	for name, script := range sessions {
		s.scripts <- script
		canaryClient(t, p.Addr, m.client, cuts[len(name)%len(cuts)], script)
	}
	p.recorded(t, len(sessions))
	p.stop(t)
	return p
}

// No secret is in any file, log or output, in no form.
func TestCanary(t *testing.T) {
	if testing.Short() {
		t.Skip("hundreds of sessions take their time; not with -short")
	}
	for mode := range canaryModes {
		t.Run(canaryModes[mode].name, func(t *testing.T) {
			p := playCanaries(t, mode)
			if p.stdout.String() == "" {
				t.Error("nothing was shown")
			}
			places := map[string]string{"standard output": p.stdout.String(), "log": p.stderr.String()}
			for path, text := range files(t, p.State) {
				places[path] = text
			}
			for place, text := range places {
				if found := canaryIn(text); found != "" {
					t.Errorf("%s holds %q", place, found)
				}
			}
			exportCanaries(t, p.Dir, func(what, text string) {
				if found := canaryIn(text); found != "" {
					t.Errorf("%s holds %q", what, found)
				}
			})
		})
	}
}

// The search finds what --keep-secrets keeps, and exports leave it out also
// then.
func TestCanaryKept(t *testing.T) {
	if testing.Short() {
		t.Skip("hundreds of sessions take their time; not with -short")
	}
	p := playCanaries(t, 0, "--keep-secrets")
	all := len(canarySessions())
	hits := 0
	for path := range files(t, p.Dir) {
		if tr, _, err := transcript.Load(path); err == nil && canaryIn(streams(t, tr)) != "" {
			hits++
		}
	}
	if hits != all {
		t.Errorf("%d of %d recordings hold the canary", hits, all)
	}
	exportCanaries(t, p.Dir, func(what, text string) {
		if found := canaryIn(text); found != "" {
			t.Errorf("%s holds %q", what, found)
		}
	})
}

// files are the texts of all files in a folder.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		all[path] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// streams is what was recorded of both sides, whatever the pieces were.
func streams(t *testing.T, tr *decode.Transcript) string {
	t.Helper()
	var all [3][]byte
	for _, e := range tr.Entries {
		if e.Event == nil {
			continue
		}
		p, err := tr.Bytes(e.Leg, e.Event.Side, e.Event.Span)
		if err != nil {
			t.Fatal(err)
		}
		all[e.Event.Side] = append(all[e.Event.Side], p...)
	}
	return string(all[who.Client]) + string(all[who.Server])
}

// exportCanaries writes every recording of a folder in every format, each at one
// of the levels in turn, and hands the text on. All at all would take an hour
// with the race detector.
func exportCanaries(t *testing.T, dir string, look func(what, text string)) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*", "*.smtptap"))
	more, _ := filepath.Glob(filepath.Join(dir, "*.smtptap")) // the pattern is valid
	if paths = append(paths, more...); err != nil || len(paths) == 0 {
		t.Fatalf("%d recordings in %s, %v", len(paths), dir, err)
	}
	for i, path := range paths {
		kept, damage, err := transcript.Load(path)
		if err != nil || damage != nil {
			t.Fatal(path, err, damage)
		}
		if !kept.SecretsKept {
			look(filepath.Base(path)+" as one stream", streams(t, kept))
		}
		for _, level := range redact.Names()[i%len(redact.Names()):][:1] {
			levels, err := redact.Parse([]string{level})
			if err != nil {
				t.Fatal(err)
			}
			shared, err := redact.Apply(kept, levels)
			if err != nil {
				t.Fatal(path, level, err)
			}
			for _, format := range export.Formats() {
				if format == "eml" {
					continue // the sessions hold no message
				}
				var b bytes.Buffer
				if err := export.Write(&b, shared, format, lang.English, nil); err != nil {
					t.Fatal(path, level, format, err)
				}
				look(filepath.Base(path)+" as "+format+" at "+level, b.String())
			}
			for _, e := range shared.Entries {
				if e.Event != nil && e.Event.Kind == decode.KindBody {
					t.Errorf("%s: a line became a message", path)
				}
			}
		}
	}
}
