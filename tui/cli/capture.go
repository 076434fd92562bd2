package cli

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"smtptap/decode"
	"smtptap/decode/visible"
	"smtptap/proxy/handshake"
	"smtptap/recordings"
	"smtptap/recordings/capture"
	"smtptap/recordings/transcript"
)

// Import is `smtptap import`.
func Import(p *Program) *cobra.Command {
	var dir string
	var session int
	cmd := &cobra.Command{
		Use:  "import FILE",
		Args: p.args(1, 1),
		RunE: func(cmd *cobra.Command, a []string) error {
			if dir == "none" {
				return wrong("none-to-read")
			}
			in, err := p.open(a)
			if err != nil {
				return err
			}
			defer in.Close()
			c, isOne, err := openCapture(bufio.NewReader(in), in)
			switch {
			case err != nil:
				return err
			case !isOne:
				return failed("invalid", "source", a[0], "why", capture.ErrNoCapture)
			}
			defer c.close()
			return p.importSession(c, session, dir)
		},
	}
	recordFlag(cmd, &dir)
	sessionFlag(cmd, &session)
	return cmd
}

func sessionFlag(cmd *cobra.Command, session *int) {
	cmd.Flags().Var(atLeast(session, 0, 1), "session", "")
}

// importSession records a session in the folder, or lists all when none is
// chosen.
func (p *Program) importSession(c *captureFile, session int, dir string) error {
	found, err := p.captured(c)
	if err != nil {
		return err
	}
	chosen, err := choose(found, session)
	if err != nil {
		return err
	}
	if chosen == nil {
		p.captureTable(found)
		return wrong("choose-session", "count", strconv.Itoa(len(found)))
	}
	if dir, err = folder(dir); err != nil {
		return err
	}
	f, err := recordings.OpenFolder(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	id := recordings.NewID(chosen.Session.Started)
	out, err := f.Create(id)
	if err != nil {
		return err
	}
	if err := errors.Join(c.record(out, chosen.Frame, id), out.Close()); err != nil {
		return errors.Join(err, f.Remove(id))
	}
	fmt.Fprintln(p.streams.Out, id)
	return nil
}

// captured lists the sessions of a capture. What of it can't be read is told on
// the error stream.
func (p *Program) captured(c *captureFile) ([]capture.Found, error) {
	found, err := c.list()
	var damage *capture.Damage
	if errors.As(err, &damage) && len(found) > 0 {
		p.note("damaged", "what", p.oneLine(damage))
		err = nil
	}
	return found, err
}

// choose is the session of that number, or the only one; nil when there are
// several and the number is 0.
func choose(found []capture.Found, session int) (*capture.Found, error) {
	switch {
	case session < 0 || session > len(found):
		return nil, wrong("no-such-session", "session", strconv.Itoa(session), "count", strconv.Itoa(len(found)))
	case session > 0:
		return &found[session-1], nil
	case len(found) == 1:
		return &found[0], nil
	}
	return nil, nil
}

// A captureFile is a capture that can be read more than once.
type captureFile struct {
	file   io.ReadSeeker
	reader capture.Reader
	close  func()
}

// openCapture finds out whether what is read is a capture file. One that comes
// through a pipe is kept in a temporary file. in is what peek reads from.
func openCapture(peek *bufio.Reader, in io.Reader) (c *captureFile, isOne bool, err error) {
	start, err := peek.Peek(capture.MagicLen)
	if err != nil && err != io.EOF {
		return nil, false, err
	}
	if !capture.Is(start) {
		return nil, false, nil
	}
	c = &captureFile{reader: capture.Reader{Program: "smtptap " + version(), Hello: handshake.ReadHello}, close: func() {}}
	if f, ok := in.(*os.File); ok {
		if _, err := f.Seek(0, io.SeekStart); err == nil {
			c.file = f
			return c, true, nil
		}
	}
	kept, err := os.CreateTemp("", "smtptap-*.pcap")
	if err != nil {
		return nil, true, err
	}
	c.file, c.close = kept, func() { kept.Close(); os.Remove(kept.Name()) }
	if _, err := io.Copy(kept, peek); err != nil {
		c.close()
		return nil, true, failed("keep-capture", "why", err)
	}
	return c, true, nil
}

func (c *captureFile) list() ([]capture.Found, error) {
	if _, err := c.file.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	return c.reader.List(c.file)
}

func (c *captureFile) record(w io.Writer, frame int, id string) error {
	if _, err := c.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	out := bufio.NewWriterSize(w, 64<<10)
	if err := c.reader.Record(out, c.file, frame, id); err != nil {
		return err
	}
	return out.Flush()
}

// transcript makes a transcript of a session, from a recording in a temporary
// folder. done removes it.
func (c *captureFile) transcript(frame int) (t *decode.Transcript, done func(), err error) {
	dir, err := os.MkdirTemp("", "smtptap-")
	if err != nil {
		return nil, nil, err
	}
	done = func() { os.RemoveAll(dir) }
	path := filepath.Join(dir, "session"+recordings.Ext)
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err == nil {
		err = errors.Join(c.record(f, frame, ""), f.Close())
	}
	var damage *recordings.Damage
	if err == nil {
		t, damage, err = transcript.Load(path)
	}
	if err != nil {
		done()
		return nil, nil, err
	}
	t.ID = ""
	if damage != nil {
		t.CannotShow[len(t.CannotShow)-1] = "lacks-capture"
	}
	return t, done, nil
}

// captureTable prints the sessions of a capture.
func (p *Program) captureTable(found []capture.Found) {
	rows := [][]string{strings.Split(p.say("capture-columns"), "|")}
	for i, s := range found {
		rows = append(rows, []string{
			strconv.Itoa(i + 1), s.Session.Started.Local().Format("2006-01-02 15:04:05"), s.Session.Client.String(), s.Session.Server.String(),
			p.outcome(s.Outcome), codeText(s.Code), visible.Text(s.From), recipients(s.Summary), p.reason(s.Summary),
		})
	}
	columns(p.streams.Out, rows)
}

// A capturedSession is a session in `explain --json` of a capture with several.
type capturedSession struct {
	Session int `json:"session"` // for --session
	Frame   int `json:"frame"`   // number of its first packet
	outlined
}

func (p *Program) captureJSON(found []capture.Found) error {
	out := []capturedSession{}
	for i, s := range found {
		c := capturedSession{i + 1, s.Frame, p.outlineOf(s.Summary)}
		c.Started, c.Client, c.Server = s.Session.Started, s.Session.Client.String(), s.Session.Server.String()
		out = append(out, c)
	}
	return visible.WriteJSON(p.streams.Out, out, "  ")
}
