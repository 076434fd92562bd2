package proxy_test

import (
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"smtptap/decode/facts"
)

// A line is what one line of a dialogue file has a side do.
type line struct {
	client bool // the client does it
	eager  bool // without waiting for what it should have read before
	text   string
	closes bool
}

// dialogues are the names of the dialogue files.
func dialogues(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("testdata/dialogues/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, file := range files {
		if name := strings.TrimSuffix(filepath.Base(file), ".txt"); name != "README" {
			names = append(names, name)
		}
	}
	if len(names) < 20 {
		t.Fatalf("only %d dialogues", len(names))
	}
	return names
}

// readDialogue reads a file as testdata/dialogues/README.txt describes it.
func readDialogue(t *testing.T, name string) []line {
	t.Helper()
	path := filepath.Join("testdata", "dialogues", name+".txt")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var lines []line
	for i, s := range strings.Split(strings.TrimSuffix(string(data), "\n"), "\n") {
		if strings.HasPrefix(s, "#") {
			continue
		}
		arrow, rest, _ := strings.Cut(s, " ")
		l := line{client: strings.Contains(arrow, ">"), eager: arrow == ">>"}
		switch arrow {
		case "->", "<-":
			l.text = rest + "\r\n"
		case "=>", "<=", ">>":
			l.text, err = literal(rest)
		case ">|", "|<":
			l.closes = true
		default:
			err = fmt.Errorf("no arrow")
		}
		if err != nil {
			t.Fatalf("%s:%d: %v", path, i+1, err)
		}
		lines = append(lines, l)
	}
	return lines
}

// literal reads "text" or "text" * N.
func literal(s string) (string, error) {
	quoted, err := strconv.QuotedPrefix(s)
	if err != nil {
		return "", err
	}
	text, err := strconv.Unquote(quoted)
	if err != nil {
		return "", err
	}
	rest := strings.TrimSpace(s[len(quoted):])
	if rest == "" {
		return text, nil
	}
	n, err := strconv.Atoi(strings.TrimSpace(strings.TrimPrefix(rest, "*")))
	return strings.Repeat(text, n), err
}

// An act is one thing that a side does: it sends, it reads, or it closes.
type act struct {
	send   string
	read   int
	end    bool // reads the end of the stream
	closes bool
}

// part is what one side of a dialogue does, in its order. Words that follow one
// another are sent as one.
func part(lines []line, client bool) []act {
	var acts []act
	for _, l := range lines {
		switch own := l.client == client; {
		case l.closes && own:
			acts = append(acts, act{closes: true})
		case l.closes:
			acts = append(acts, act{end: true})
		case !own:
			acts = append(acts, act{read: len(l.text)})
		case len(acts) > 0 && acts[len(acts)-1].send != "":
			acts[len(acts)-1].send += l.text
		case l.eager:
			at := len(acts)
			for at > 0 && acts[at-1].send == "" {
				at--
			}
			acts[at-1].send += l.text
		default:
			acts = append(acts, act{send: l.text})
		}
	}
	return acts
}

// A cut says where a text is cut into segments.
type cut struct {
	name string
	next func(text string) int // length of the next segment
}

// fine is how much of a text at either end is cut finely. Between, it only
// takes time.
const fine = 4 << 10

func cuts() []cut {
	return []cut{
		{"whole", func(s string) int { return len(s) }},
		{"single bytes", func(s string) int { return 1 }},
		{"1 to 7 bytes", func(s string) int { return 1 + rand.IntN(7) }},
		{"between CR and LF", func(s string) int { return strings.IndexByte(s, '\r') + 1 }},
		{"behind line ends", func(s string) int { return strings.IndexByte(s, '\n') + 1 }},
		{"64 KB", func(s string) int { return 64 << 10 }},
	}
}

// say writes text in segments.
func (c cut) say(w io.Writer, text string) error {
	for done := 0; done < len(text); {
		rest := text[done:]
		n := c.next(rest)
		if n <= 0 || n > len(rest) {
			n = len(rest)
		}
		if done > fine && len(rest) > fine {
			n = max(n, len(rest)-fine)
		}
		if _, err := io.WriteString(w, rest[:n]); err != nil {
			return err
		}
		done += n
	}
	return nil
}

// play does one side's part and returns the digest of what it read.
func play(conn *net.TCPConn, acts []act, c cut) (read [sha256.Size]byte, err error) {
	heard := sha256.New()
	for _, a := range acts {
		switch {
		case a.closes:
			err = conn.CloseWrite()
		case a.end:
			_, err = io.Copy(heard, conn)
		case a.send != "":
			err = c.say(conn, a.send)
		default:
			_, err = io.CopyN(heard, conn, int64(a.read))
		}
		if err != nil {
			return read, err
		}
	}
	return [sha256.Size]byte(heard.Sum(nil)), nil
}

// said is the digest of all that one side says.
func said(lines []line, client bool) [sha256.Size]byte {
	h := sha256.New()
	for _, l := range lines {
		if l.client == client {
			io.WriteString(h, l.text)
		}
	}
	return [sha256.Size]byte(h.Sum(nil))
}

// TestExact plays every dialogue in every segmentation, and compares what each
// side heard with what the other said.
func TestExact(t *testing.T) {
	b := setUp(t, nil)
	for _, name := range dialogues(t) {
		lines := readDialogue(t, name)
		for _, c := range cuts() {
			t.Run(name+"/"+c.name, func(t *testing.T) { b.playBoth(t, lines, c) })
		}
	}
}

// playBoth plays one dialogue.
func (b *bench) playBoth(t *testing.T, lines []line, c cut) {
	t.Helper()
	client, server := b.connect()
	type result struct {
		read [sha256.Size]byte
		err  error
	}
	atServer := make(chan result, 1)
	go func() {
		read, err := play(server, part(lines, false), c)
		server.Close()
		atServer <- result{read, err}
	}()
	read, err := play(client, part(lines, true), c)
	client.Close()
	s := <-atServer
	if err != nil || s.err != nil {
		t.Fatalf("client: %v; server: %v", err, s.err)
	}
	if read != said(lines, false) {
		t.Error("the client did not read what the server said")
	}
	if s.read != said(lines, true) {
		t.Error("the server did not read what the client said")
	}
	if end, _ := b.end(); end.Cause != facts.CauseClosed {
		t.Errorf("ended as %+v", end)
	}
}
