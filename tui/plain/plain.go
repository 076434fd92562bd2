// Package plain shows sessions as lines, for pipes, logs and terminals without
// a screen. It reads the transcripts, as every other face does, and so can
// never hold up a session.
package plain

import (
	"context"
	"fmt"
	"io"

	"smtptap/decode"
	"smtptap/decode/lang"
	"smtptap/decode/visible"
	"smtptap/recordings/export"
	"smtptap/recordings/transcript"
)

// A Face turns a session into lines.
type Face interface {
	// Print writes what t holds beyond what was written before.
	Print(t *decode.Transcript) error
	// End writes what is to be said of a session that has ended.
	End(t *decode.Transcript) error
}

// A Form is how sessions are written.
type Form struct {
	face    func() Face               // for a session
	trouble func(reason string) error // sessions can't be recorded; "": they can again
}

// Text is the annotated text form. Each line of a session begins with its
// short id when there may be several at once.
func Text(w io.Writer, l lang.Lang, color, several bool) Form {
	face := func() Face {
		return export.NewTextPrinter(w, export.TextOptions{Lang: l, Color: color, Session: several})
	}
	return Form{face, func(reason string) error {
		text := "=== sessions are being recorded again"
		if reason != "" {
			text = "=== sessions are not being recorded: " + visible.Text(reason)
		}
		_, err := fmt.Fprintln(w, text)
		return err
	}}
}

// JSON is one JSON object a line for every event and fact.
func JSON(w io.Writer) Form {
	return Form{func() Face { return &jsonFace{w: w} }, func(reason string) error {
		var line struct {
			Recording struct {
				Error string `json:"error"` // "": sessions are being recorded again
			} `json:"recording"`
		}
		line.Recording.Error = reason
		return visible.WriteJSON(w, line, "")
	}}
}

type jsonFace struct {
	w    io.Writer
	done int
}

func (f *jsonFace) Print(t *decode.Transcript) error {
	f.done = max(f.done, t.Earlier)
	for ; f.done < t.Earlier+len(t.Entries); f.done++ {
		if err := export.JSONLine(f.w, t, f.done-t.Earlier); err != nil {
			return err
		}
	}
	return nil
}

func (f *jsonFace) End(*decode.Transcript) error { return nil }

// Follow shows every session of set as it goes on, until ctx is done and
// everything that had happened by then has been shown. It returns the first
// error of writing.
func Follow(ctx context.Context, set *transcript.Set, form Form) error {
	changed, cancel := set.Subscribe()
	defer cancel()
	f := &follower{set: set, form: form, faces: map[string]Face{}}
	for {
		if err := f.show(); err != nil {
			return err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return f.show()
		}
	}
}

type follower struct {
	set   *transcript.Set
	form  Form
	faces map[string]Face // of sessions that go on
	ended int             // sessions before this one are all shown
	over  map[string]bool // of the others, those that are shown to their end

	trouble string // with recording, as shown
}

func (f *follower) show() error {
	if f.over == nil {
		f.over = map[string]bool{}
	}
	if reason := f.set.State().Err; reason != f.trouble {
		f.trouble = reason
		if err := f.form.trouble(reason); err != nil {
			return err
		}
	}
	sessions := f.set.Summaries(f.ended)
	for _, s := range sessions {
		if f.over[s.ID] {
			continue
		}
		if err := f.session(s); err != nil {
			return err
		}
	}
	for len(sessions) > 0 && f.over[sessions[0].ID] {
		delete(f.over, sessions[0].ID)
		sessions = sessions[1:]
		f.ended++
	}
	return nil
}

func (f *follower) session(s transcript.Summary) error {
	t, err := f.set.Open(s.ID)
	if err != nil {
		return nil // it can't be shown; the set's state says why
	}
	face := f.faces[s.ID]
	if face == nil {
		face = f.form.face()
		f.faces[s.ID] = face
	}
	if err := face.Print(t); err != nil {
		return err
	}
	if !t.Ended {
		return nil
	}
	delete(f.faces, s.ID)
	f.over[s.ID] = true
	return face.End(t)
}
