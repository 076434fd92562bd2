package cli

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

// A livePrinter turns a session into lines as it goes on, for pipes, logs and
// terminals without a screen. It reads the transcript, as the screen does, and so
// never holds up the session.
type livePrinter interface {
	// Print writes what t holds beyond what was written before.
	Print(t *decode.Transcript) error
	// End writes what is to be said of a session that has ended.
	End(t *decode.Transcript) error
}

// A liveForm is how sessions are written.
type liveForm struct {
	printer func() livePrinter        // for a session
	trouble func(reason string) error // sessions can't be recorded; "": they can again
}

// textForm is the annotated text form. Each line of a session begins with its
// short id when there may be several at once.
func textForm(w io.Writer, l lang.Lang, color, several bool) liveForm {
	printer := func() livePrinter {
		return export.NewTextPrinter(w, export.TextOptions{Lang: l, Color: color, Session: several})
	}
	return liveForm{printer, func(reason string) error {
		text := "=== " + words.Say(l, "recording-again")
		if reason != "" {
			text = "=== " + words.Say(l, "not-recording", "why", visible.Text(reason))
		}
		_, err := fmt.Fprintln(w, text)
		return err
	}}
}

// jsonForm is one JSON object a line for every event and fact.
func jsonForm(w io.Writer, l lang.Lang) liveForm {
	return liveForm{func() livePrinter { return &jsonPrinter{w: w, lang: l} }, func(reason string) error {
		var line struct {
			Recording struct {
				Error string `json:"error"` // "": sessions are being recorded again
			} `json:"recording"`
		}
		line.Recording.Error = reason
		return visible.WriteJSON(w, line, "")
	}}
}

type jsonPrinter struct {
	w    io.Writer
	lang lang.Lang
	done int
}

func (f *jsonPrinter) Print(t *decode.Transcript) error {
	f.done = max(f.done, t.Earlier)
	for ; f.done < t.Earlier+len(t.Entries); f.done++ {
		if err := export.JSONLine(f.w, t, f.done-t.Earlier, f.lang); err != nil {
			return err
		}
	}
	return nil
}

func (f *jsonPrinter) End(*decode.Transcript) error { return nil }

// followSessions shows every session of set as it goes on, until ctx is done and
// everything that had happened by then has been shown. It returns the first
// error of writing.
func followSessions(ctx context.Context, set *transcript.Set, form liveForm) error {
	changed, cancel := set.Subscribe()
	defer cancel()
	f := &follower{set: set, form: form, printers: map[string]livePrinter{}}
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
	set      *transcript.Set
	form     liveForm
	printers map[string]livePrinter // of sessions that go on
	ended    int                    // sessions before this one are all shown
	over     map[string]bool        // of the others, those that are shown to their end

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
	p := f.printers[s.ID]
	if p == nil {
		p = f.form.printer()
		f.printers[s.ID] = p
	}
	if err := p.Print(t); err != nil {
		return err
	}
	if !t.Ended {
		return nil
	}
	delete(f.printers, s.ID)
	f.over[s.ID] = true
	return p.End(t)
}
