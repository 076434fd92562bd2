package proxy_test

import (
	"context"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"smtptap/decode/facts"
	"smtptap/decode/outcome"
	"smtptap/proxy"
	"smtptap/proxy/upstream"
	"smtptap/recordings/transcript"
)

// onSocket serves on unix sockets alone, and leads to the one that is returned.
func onSocket(t *testing.T, to *upstream.Socket, addrs ...string) (b *bench, server net.Listener) {
	t.Helper()
	server, err := net.Listen("unix", to.Path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	return serveSockets(t, to, addrs...), server
}

func serveSockets(t *testing.T, to upstream.Dialer, addrs ...string) *bench {
	t.Helper()
	b := &bench{t: t, served: make(chan error, 1), set: transcript.NewSet(transcript.Options{})}
	b.proxy = &proxy.Proxy{Transcripts: b.set, Upstream: to, Target: "unix"}
	var all []proxy.Listener
	for _, addr := range addrs {
		l, err := listen(addr)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, l)
	}
	ctx, cancel := context.WithCancel(t.Context())
	b.cancel = cancel
	go func() { b.served <- b.proxy.Serve(ctx, all...) }()
	t.Cleanup(b.stop)
	return b
}

// A session goes from one unix socket to another, LMTP included, and its
// STARTTLS boundary is guarded as on TCP.
func TestUnixSockets(t *testing.T) {
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in"), filepath.Join(dir, "out")
	b, server := onSocket(t, &upstream.Socket{Path: out, LMTP: true}, "unix:"+in)
	if info, err := os.Stat(in); err != nil || info.Mode() != fs.ModeSocket|0o600 && runtime.GOOS != "windows" {
		t.Errorf("the socket's mode is %v, %v", info.Mode(), err)
	}
	client, err := net.Dial("unix", in)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := server.Accept()
	if err != nil {
		t.Fatal(err)
	}
	talk := func(said, answered string) {
		t.Helper()
		write(t, client, said)
		expect(t, conn, said)
		write(t, conn, answered)
		expect(t, client, answered)
	}
	write(t, conn, "220 hi\r\n")
	expect(t, client, "220 hi\r\n")
	talk("LHLO a\r\n", "250 mx\r\n")
	talk("MAIL FROM:<>\r\n", "250 ok\r\n")
	talk("RCPT TO:<b@example.org>\r\n", "250 ok\r\n")
	talk("RCPT TO:<c@example.org>\r\n", "250 ok\r\n")
	talk("DATA\r\n", "354 go\r\n")
	talk("Subject: x\r\n\r\n.\r\n", "250 ok\r\n452 full\r\n")
	talk("QUIT\r\n", "221 bye\r\n")
	conn.Close()
	expectEOF(t, client)
	client.Close()
	tr := b.transcript()
	if got := outcome.Of(tr).Outcome; got != outcome.Partly {
		t.Errorf("the session is %q", got)
	}
	for _, e := range tr.Entries {
		switch f := e.Fact.(type) {
		case *facts.Open:
			want := "unix:"
			if runtime.GOOS == "linux" {
				want = fmt.Sprintf("unix:pid=%d,uid=%d", os.Getpid(), os.Getuid())
			}
			if !strings.HasPrefix(f.Client, want) || f.Listen != "unix:"+in {
				t.Errorf("noted %+v", f)
			}
		case *facts.Dial:
			if f.Addr != "unix:"+out || f.Err != "" {
				t.Errorf("noted %+v", f)
			}
		}
	}
	b.stop()
	if _, err := os.Lstat(in); err == nil {
		t.Error("the socket is left behind")
	}
}

// Rules know a client by the name that transcripts give it.
func TestRuleForUnixClient(t *testing.T) {
	in := filepath.Join(t.TempDir(), "in")
	l, err := listen("unix:" + in)
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{t: t, served: make(chan error, 1), set: transcript.NewSet(transcript.Options{})}
	b.proxy = &proxy.Proxy{Transcripts: b.set}
	withRules(t, "connect[client:unix:]=421 4.3.2 no")(b.proxy)
	ctx, cancel := context.WithCancel(t.Context())
	b.cancel = cancel
	go func() { b.served <- b.proxy.Serve(ctx, l) }()
	t.Cleanup(b.stop)
	client, err := net.Dial("unix", in)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	expect(t, client, "421 4.3.2 [smtptap] no\r\n")
}

// A path may begin as the form of the address does.
func TestUnixSocketNamedUnix(t *testing.T) {
	t.Chdir(t.TempDir())
	l, err := listen("unix:unix.sock")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if l.Where() != "unix:unix.sock" {
		t.Errorf("listens on %s", l)
	}
}

func TestUnixSocketFiles(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "s")
	listening, err := listen("unix:" + path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := listen("unix:" + path); err == nil || !strings.Contains(err.Error(), "Another program listens there") {
		t.Errorf("a second listener: %v", err)
	}
	listening.Listener.(*net.UnixListener).SetUnlinkOnClose(false)
	listening.Close()
	again, err := listen("tls:unix:" + path)
	if err != nil {
		t.Fatalf("a stale socket is in the way: %v", err)
	}
	if again.String() != "tls:unix:"+path {
		t.Errorf("it is called %s", again)
	}
	again.Close()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := listen("unix:" + file); err == nil || !strings.Contains(err.Error(), "is not a socket") {
		t.Errorf("in place of a file: %v", err)
	}
	if kept, err := os.ReadFile(file); string(kept) != "precious" {
		t.Errorf("the file is gone: %v", err)
	}
	if _, err := listen("unix:" + filepath.Join(dir, "none", "s")); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("without a folder: %v", err)
	}
}

// A target at a unix socket fails as others do.
func TestUnixTargetErrors(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct {
		name, path, want, class string
	}{
		{"nothing there", filepath.Join(dir, "none"), "421 4.4.1 [smtptap] cannot connect to unix:" + filepath.Join(dir, "none") + ": there is no such socket\r\n", "unreachable"},
		{"ourselves", filepath.Join(dir, "in"), "554 5.4.6 [smtptap] cannot connect to unix:" + filepath.Join(dir, "in") + ": the connection would come back to smtptap itself\r\n", "loop"},
		{"ourselves by another name", filepath.Join(dir, "link"), "554 5.4.6 [smtptap] cannot connect to unix:" + filepath.Join(dir, "link") + ": the connection would come back to smtptap itself\r\n", "loop"},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := filepath.Join(dir, "in")
			b := serveSockets(t, &upstream.Socket{Path: c.path}, "unix:"+in)
			if err := os.Symlink(in, filepath.Join(dir, "link")); err != nil && !os.IsExist(err) {
				t.Skip(err)
			}
			client, err := net.Dial("unix", in)
			if err != nil {
				t.Fatal(err)
			}
			expect(t, client, c.want)
			client.Close()
			b.expectDial(c.class)
			b.stop()
		})
	}
}

// 0.0.0.0 is IPv4 alone.
func TestIPv4Alone(t *testing.T) {
	l, err := listen("0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	port := l.Addr().(*net.TCPAddr).Port
	if conn, err := net.Dial("tcp", fmt.Sprintf("[::1]:%d", port)); err == nil {
		conn.Close()
		t.Error("it listens on IPv6 too")
	}
	conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
}

// TestActivated is run by TestActivation as a program that a service manager
// starts.
func TestActivated(t *testing.T) {
	form := os.Getenv("SMTPTAP_TEST_ACTIVATED")
	if form == "" {
		t.Skip("started by TestActivation")
	}
	os.Setenv("LISTEN_PID", fmt.Sprint(os.Getpid()))
	if !proxy.Activated() {
		t.Error("not activated")
	}
	at, err := proxy.ParseAddress(form)
	if err != nil {
		t.Fatal(err)
	}
	all, err := at.Listen(0)
	if err != nil {
		fmt.Println("error:", err)
		return
	}
	for _, l := range all {
		fmt.Println("listens:", l)
		l.Close()
	}
	fmt.Println("left:", os.Getenv("LISTEN_FDS")+os.Getenv("LISTEN_PID")+os.Getenv("LISTEN_FDNAMES"))
}

func TestActivation(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no file is passed there")
	}
	tcp, secure := listenTCP(t), listenTCP(t)
	path := filepath.Join(t.TempDir(), "s")
	unix, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close()
	var files []*os.File
	for _, l := range []net.Listener{tcp, unix, secure} {
		f, err := l.(interface{ File() (*os.File, error) }).File()
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		files = append(files, f)
	}
	plain, sealed := tcp.Addr().String(), secure.Addr().String()
	for form, want := range map[string][]string{
		"systemd":          {"listens: " + plain, "listens: unix:" + path, "listens: tls:" + sealed, "left: "},
		"tls:systemd":      {"listens: tls:" + plain, "listens: tls:unix:" + path, "listens: tls:" + sealed, "left: "},
		"systemd:smtp":     {"listens: " + plain, "left: "},
		"tls:systemd:smtp": {"listens: tls:" + plain, "left: "},
		"systemd:other":    {`error: systemd passes no socket called "other". It passes: smtp, local, tls-smtp`},
	} {
		t.Run(form, func(t *testing.T) {
			cmd := exec.Command(os.Args[0], "-test.run", "^TestActivated$", "-test.v")
			cmd.Env = append(os.Environ(), "SMTPTAP_TEST_ACTIVATED="+form, "LISTEN_FDS=3", "LISTEN_FDNAMES=smtp:local:tls-smtp")
			cmd.ExtraFiles = files
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			var got []string
			for line := range strings.Lines(string(out)) {
				if line = strings.TrimSuffix(line, "\n"); strings.HasPrefix(line, "listens: ") || strings.HasPrefix(line, "left: ") || strings.HasPrefix(line, "error: ") {
					got = append(got, line)
				}
			}
			if !slices.Equal(got, want) {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}
