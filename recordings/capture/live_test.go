package capture_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"smtptap/recordings/capture"
)

// sniff captures what passes at a port of this machine into a file, and returns
// its path.
func sniff(t *testing.T, port int) string {
	t.Helper()
	if _, err := exec.LookPath("dumpcap"); err != nil {
		t.Skip("dumpcap is not installed")
	}
	path := filepath.Join(t.TempDir(), "live.pcapng")
	cmd := exec.Command("dumpcap", "-i", "lo", "-f", "tcp port "+strconv.Itoa(port), "-w", path)
	told, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(told)
	for lines.Scan() && !strings.HasPrefix(lines.Text(), "File:") {
	}
	if !strings.HasPrefix(lines.Text(), "File:") {
		cmd.Wait()
		t.Skip("capturing on the loopback interface is not permitted")
	}
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		io.Copy(io.Discard, told)
	}()
	t.Cleanup(func() {
		cmd.Process.Signal(os.Interrupt)
		<-drained
		cmd.Wait()
	})
	return path
}

// talk lets a client and a server of this machine say the delivery.
func talk(t *testing.T, l net.Listener) {
	t.Helper()
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	server, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range delivery().packets {
		from, to := client, server
		if p.fromServer {
			from, to = server, client
		}
		if _, err := io.WriteString(from, p.data); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(to, make([]byte, len(p.data))); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(client.Close(), server.Close()); err != nil {
		t.Fatal(err)
	}
}

// What the system captures of a real connection is read as it was said.
func TestLiveCapture(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	path := sniff(t, l.Addr().(*net.TCPAddr).Port)
	talk(t, l)
	deadline := time.After(30 * time.Second)
	for look := time.NewTicker(50 * time.Millisecond); ; {
		select {
		case <-look.C:
		case <-deadline:
			t.Fatal("the session is not in the capture")
		}
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var r capture.Reader
		if found, _ := r.List(strings.NewReader(string(data))); len(found) != 1 || found[0].Incomplete {
			continue // it comes in pieces
		}
		same(t, lines(load(t, r, data, 0)), said)
		return
	}
}
