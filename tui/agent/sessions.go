package agent

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"smtptap/decode"
	"smtptap/decode/findings"
	"smtptap/decode/units"
	"smtptap/decode/visible"
	"smtptap/recordings"
	"smtptap/recordings/diff"
	"smtptap/recordings/export"
	"smtptap/recordings/logs"
	"smtptap/recordings/query"
	"smtptap/recordings/redact"
	"smtptap/recordings/transcript"
)

// share writes what is made of sessions once they are redacted, and nothing of
// what was to go.
func (s *server) share(w io.Writer, write func(io.Writer, []*decode.Transcript) error, all ...*decode.Transcript) error {
	var secrets, withheld []string
	shared := make([]*decode.Transcript, len(all))
	for i, t := range all {
		var err error
		if shared[i], err = redact.Apply(t, s.Redact); err != nil {
			return err
		}
		secrets, withheld = append(secrets, redact.Secrets(t)...), append(withheld, shared[i].Withheld...)
	}
	guard := redact.Guard(w, secrets, withheld...)
	if err := write(guard, shared); err != nil {
		return err
	}
	return guard.Close()
}

type listInput struct {
	Query  string `json:"query,omitempty"`
	Number int    `json:"number,omitempty"`
	page
}

// usualRows and mostRows are how many recordings list reads.
const usualRows, mostRows = 20, 200

func (s *server) list(_ context.Context, in listInput, w io.Writer) error {
	match, err := query.Parse(in.Query)
	if err != nil {
		return err
	}
	rows, err := s.List(match, min(max(cmp.Or(in.Number, usualRows), 1), mostRows))
	if err != nil {
		return err
	}
	if len(rows) == 0 {
		fmt.Fprintln(w, s.say("none-found"))
	}
	for _, row := range rows {
		if err := s.row(w, row); err != nil {
			return err
		}
	}
	return nil
}

// row writes a recording in one line, without what is to be left out.
func (s *server) row(w io.Writer, r transcript.Summary) error {
	cells := []string{recordings.ShortID(r.ID), r.Started.Local().Format(time.DateTime), string(r.Outcome)}
	if r.Code != 0 {
		cells = append(cells, fmt.Sprint(r.Code))
	}
	if !s.Redact.Hosts {
		cells = append(cells, r.Server)
	}
	if !s.Redact.Addresses {
		cells = append(cells, "<"+r.From+">", "<"+r.Rcpt+">")
	}
	cells = append(cells, units.Bytes(r.Size), units.Time(r.Took))
	if !s.Redact.Addresses && !s.Redact.Body {
		cells = append(cells, fmt.Sprintf("%q", r.Subject))
	}
	t, err := s.Load(r.Path)
	if err == nil {
		err = s.share(w, func(w io.Writer, one []*decode.Transcript) error {
			_, err := fmt.Fprintln(w, visible.Text(strings.Join(append(cells, findings.Analyze(one[0], s.Lang).Verdict.Text), "  ")))
			return err
		}, t)
	}
	if errors.Is(err, redact.ErrTooLarge) {
		_, err = fmt.Fprintln(w, visible.Text(strings.Join(cells, "  ")))
	}
	return err
}

type showInput struct {
	Recording string `json:"recording,omitempty"`
	page
}

func (s *server) show(_ context.Context, in showInput, w io.Writer) error {
	t, err := s.Load(cmp.Or(in.Recording, "latest"))
	if err != nil {
		return err
	}
	return s.share(w, s.dialogues, t)
}

// dialogues writes sessions as annotated text.
func (s *server) dialogues(w io.Writer, all []*decode.Transcript) error {
	for _, t := range all {
		if err := export.Text(w, t, export.TextOptions{Lang: s.Lang}); err != nil {
			return err
		}
	}
	return nil
}

type explainInput struct {
	Log string `json:"log"`
	page
}

func (s *server) explain(_ context.Context, in explainInput, w io.Writer) error {
	all, err := logs.ParseAll(strings.NewReader(in.Log))
	if err != nil {
		return err
	}
	return s.share(w, s.dialogues, all...)
}

type findingsInput struct {
	Recording string `json:"recording,omitempty"`
	ID        string `json:"id,omitempty"`
	page
}

// allFindings is the id that stands for the list of all.
const allFindings = "all"

func (s *server) findings(_ context.Context, in findingsInput, w io.Writer) error {
	switch {
	case in.ID == allFindings:
		return export.Catalogue(w, s.Lang)
	case in.ID != "":
		entry, found := findings.Find(in.ID, s.Lang)
		if !found {
			return errors.New(s.say("no-finding", "id", in.ID))
		}
		return export.CatalogueEntry(w, entry, s.Lang)
	}
	t, err := s.Load(cmp.Or(in.Recording, "latest"))
	if err != nil {
		return err
	}
	return s.share(w, s.judged, t)
}

// judged writes what was recognised in sessions: each finding with its fix, the
// verdict, and the lines that prove it.
func (s *server) judged(w io.Writer, all []*decode.Transcript) error {
	for _, t := range all {
		fmt.Fprintln(w, "===", s.say("session", "id", recordings.ShortID(t.ID)))
		if err := export.NewTextPrinter(w, export.TextOptions{Lang: s.Lang}).End(t); err != nil {
			return err
		}
		for _, f := range findings.Analyze(t, s.Lang).Findings {
			if n := len(f.Entries); n > 0 {
				if _, err := fmt.Fprintf(w, "%s: %s\n", f.ID, export.Line(t, f.Entries[n-1], s.Lang)); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

type diffInput struct {
	A string `json:"a"`
	B string `json:"b"`
	page
}

func (s *server) diff(_ context.Context, in diffInput, w io.Writer) error {
	a, err := s.Load(in.A)
	if err != nil {
		return err
	}
	b, err := s.Load(in.B)
	if err != nil {
		return err
	}
	return s.share(w, func(w io.Writer, both []*decode.Transcript) error {
		result, err := diff.Compare(both[0], both[1], diff.Options{Lang: s.Lang})
		if err != nil {
			return err
		}
		return result.Text(w, false)
	}, a, b)
}
