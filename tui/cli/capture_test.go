package cli

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
)

// refusal is a capture of the session of a client port, in which the server
// refuses a login.
func refusal(t *testing.T, w *pcapgo.Writer, port layers.TCPPort) {
	t.Helper()
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	seq := [2]uint32{1, 1}
	for i, text := range []string{"220 mx ESMTP\r\n", "EHLO a\r\n", "250-mx\r\n250 AUTH PLAIN\r\n", "AUTH PLAIN AGFubmEAaHVudGVyMg==\r\n", "535 5.7.8 no\r\n", "QUIT\r\n", "221 bye\r\n"} {
		me, ports := 1-i%2, [2]layers.TCPPort{port, 25}
		tcp := &layers.TCP{SrcPort: ports[me], DstPort: ports[1-me], Seq: seq[me], Ack: seq[1-me], ACK: true}
		ip := &layers.IPv4{Version: 4, TTL: 9, Protocol: layers.IPProtocolTCP, SrcIP: []byte{192, 0, 2, byte(me)}, DstIP: []byte{192, 0, 2, byte(1 - me)}}
		seq[me] += uint32(len(text))
		buf := gopacket.NewSerializeBuffer()
		if err := gopacket.SerializeLayers(buf, gopacket.SerializeOptions{FixLengths: true}, ip, tcp, gopacket.Payload(text)); err != nil {
			t.Fatal(err)
		}
		n := len(buf.Bytes())
		if err := w.WritePacket(gopacket.CaptureInfo{Timestamp: at.Add(time.Duration(i) * time.Second), CaptureLength: n, Length: n}, buf.Bytes()); err != nil {
			t.Fatal(err)
		}
	}
}

func captured(t *testing.T, sessions int) string {
	t.Helper()
	var b bytes.Buffer
	w := pcapgo.NewWriter(&b)
	if err := w.WriteFileHeader(1<<16, layers.LinkTypeRaw); err != nil {
		t.Fatal(err)
	}
	for i := range sessions {
		refusal(t, w, layers.TCPPort(40000+i))
	}
	path := filepath.Join(t.TempDir(), "mail.pcap")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// smtptap runs the command line.
func smtptap(t *testing.T, in io.Reader, args ...string) (status int, out, complaint string) {
	t.Helper()
	t.Setenv("LC_ALL", "C")
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	var files [2]*os.File
	for i := range files {
		f, err := os.Create(filepath.Join(t.TempDir(), "stream"))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		files[i] = f
	}
	p := New(Streams{In: in, Out: files[0], Err: files[1]})
	p.Add(every...)
	status = p.Run(t.Context(), args)
	var read [2]string
	for i, f := range files {
		b, err := os.ReadFile(f.Name())
		if err != nil {
			t.Fatal(err)
		}
		read[i] = string(b)
	}
	return status, read[0], read[1]
}

func TestExplainCapture(t *testing.T) {
	one, several := captured(t, 1), captured(t, 3)
	piped, err := os.ReadFile(one)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		in     string
		args   []string
		status int
		out    string
	}{
		"single":   {"", []string{one}, 3, "AUTH-BAD-CREDENTIALS"},
		"a pipe":   {string(piped), []string{"-"}, 3, "AUTH-BAD-CREDENTIALS"},
		"json":     {"", []string{"--json", one}, 3, `"outcome": "refused"`},
		"several":  {"", []string{several}, 3, "3  2026"},
		"array":    {"", []string{"--json", several}, 3, `"session": 3`},
		"chosen":   {"", []string{several, "--session", "2"}, 3, "AUTH-BAD-CREDENTIALS"},
		"too many": {"", []string{several, "--session", "4"}, 2, ""},
		"a log":    {"220 mx\r\n", []string{"-", "--session", "1"}, 2, ""},
	} {
		t.Run(name, func(t *testing.T) {
			status, out, complaint := smtptap(t, strings.NewReader(c.in), append([]string{"explain"}, c.args...)...)
			if status != c.status || !strings.Contains(out, c.out) {
				t.Errorf("status %d, %s%s", status, out, complaint)
			}
			if strings.Contains(out, "AGFubmEAaHVudGVyMg") || strings.Contains(out, "hunter2") {
				t.Errorf("the password is in %s", out)
			}
		})
	}
}

func TestImport(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "recordings")
	if status, out, complaint := smtptap(t, nil, "import", captured(t, 2), "-w", dir); status != 2 || !strings.Contains(out, "2  2026") || !strings.Contains(complaint, "--session") {
		t.Fatalf("status %d, %s%s", status, out, complaint)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("a folder was made for nothing")
	}
	status, id, complaint := smtptap(t, nil, "import", captured(t, 2), "--session", "2", "-w", dir)
	if status != 0 {
		t.Fatalf("status %d, %s", status, complaint)
	}
	status, out, _ := smtptap(t, nil, "show", "-w", dir, strings.TrimSpace(id))
	if status != 0 || !strings.Contains(out, "AUTH-BAD-CREDENTIALS") || strings.Contains(out, "AGFubmEAaHVudGVyMg") {
		t.Errorf("status %d, %s", status, out)
	}
	if _, out, _ = smtptap(t, nil, "list", "-w", dir); !strings.Contains(out, "refused") {
		t.Errorf("list prints %s", out)
	}
	if status, _, complaint := smtptap(t, nil, "import", id); status != 1 || strings.Count(complaint, "\n") != 1 {
		t.Errorf("no file: status %d, %q", status, complaint)
	}
}
