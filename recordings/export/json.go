package export

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"time"
	"unicode/utf8"

	"smtptap/decode"
	"smtptap/decode/annotate"
	"smtptap/decode/facts"
	"smtptap/decode/findings"
	"smtptap/decode/lang"
	"smtptap/decode/visible"
	"smtptap/decode/who"
)

// JSON writes the session as one document, described by schema.json beside
// this file. Bytes are text where they are UTF-8, base64 otherwise.
func JSON(w io.Writer, t *decode.Transcript, l lang.Lang) error {
	doc := document{Format: "smtptap-session", Version: 1, Lang: langName(l), Session: sessionOf(t, l)}
	report := findings.Analyze(t, l)
	doc.Outcome, doc.Transactions = string(report.Outcome.Outcome), transactionsOf(report, l)
	doc.Verdict = verdictOf(report)
	doc.Findings = findingsOf(report)
	return writeDocument(w, t, doc, l)
}

// JSONLine writes entry i of a session as one line of JSON, as --ui json does:
// the entries of JSON, with the session's id.
func JSONLine(w io.Writer, t *decode.Transcript, i int, l lang.Lang) error {
	line := struct {
		Session string `json:"session"`
		entry
	}{t.ID, lineOf(t, i, l)}
	return visible.WriteJSON(w, line, "")
}

type document struct {
	Format   string    `json:"format"`
	Version  int       `json:"version"`
	Lang     string    `json:"lang"` // of texts
	Session  session   `json:"session"`
	Outcome  string    `json:"outcome"`
	Verdict  verdict   `json:"verdict"`
	Findings []finding `json:"findings"`
	Entries  []entry   `json:"entries"`

	Transactions []transaction `json:"transactions"`
}

type session struct {
	ID          string    `json:"id,omitempty"`
	Started     time.Time `json:"started"`
	Source      string    `json:"source"`
	Dialect     string    `json:"dialect,omitempty"`
	Listen      string    `json:"listen,omitempty"`
	Target      string    `json:"target,omitempty"`
	Mode        string    `json:"mode,omitempty"`
	SecretsKept bool      `json:"secretsKept"`
	Ended       bool      `json:"ended"`
	CannotShow  []string  `json:"cannotShow,omitempty"`
}

func sessionOf(t *decode.Transcript, l lang.Lang) session {
	return session{t.ID, t.Started, string(t.Source), t.Dialect, t.Listen, t.Target, t.Mode, t.SecretsKept, t.Ended, inWords(t.CannotShow, l)}
}

type verdict struct {
	ID       string `json:"id"`
	Severity string `json:"severity"`
	Text     string `json:"text"`

	Class     string `json:"class,omitempty"`
	Retry     string `json:"retry,omitempty"`
	Certainty string `json:"certainty,omitempty"`
}

func verdictOf(r findings.Report) verdict {
	v := r.Verdict
	return verdict{v.ID, string(v.Severity), v.Text, string(v.Class), string(v.Retry), string(v.Certainty)}
}

type finding struct {
	ID       string            `json:"id"`
	Severity string            `json:"severity"`
	By       who.Party         `json:"by,omitempty"`    // who said or did what proves it: "client", "server" or "smtptap"
	Leg      who.Leg           `json:"leg,omitempty"`   // the connection: "client" or "server"
	Lines    []int             `json:"lines"`           // indexes of entries
	Retry    string            `json:"retry,omitempty"` // "later", "after-fix" or "never"
	Text     string            `json:"text"`
	Cause    string            `json:"cause"`
	Fix      map[string]string `json:"fix"`
	Sources  []string          `json:"sources"`
}

// An entry is one line of the session.
type entry struct {
	N        int      `json:"n"`
	Part     int      `json:"part,omitempty"`     // the session, in a log that holds several
	Inferred bool     `json:"inferred,omitempty"` // the log does not show all of it
	AtMS     float64  `json:"at"`                 // milliseconds since the session began
	From     string   `json:"from,omitempty"`
	To       string   `json:"to,omitempty"`
	Upstream bool     `json:"upstream,omitempty"`
	Kind     string   `json:"kind"`
	TLS      bool     `json:"tls,omitempty"`
	Text     *string  `json:"text,omitempty"`
	Base64   string   `json:"base64,omitempty"`
	Command  *command `json:"command,omitempty"`
	Reply    *reply   `json:"reply,omitempty"`
	Auth     *auth    `json:"auth,omitempty"`
	Header   *header  `json:"header,omitempty"`
	Body     *body    `json:"body,omitempty"`
	Bytes    int64    `json:"bytes,omitempty"` // of the event, a secret counting as its mask

	Fact    json.RawMessage `json:"fact,omitempty"`
	Meaning []string        `json:"meaning,omitempty"`
	Notes   []note          `json:"notes,omitempty"`
}

type command struct {
	Verb string `json:"verb"`
	Arg  string `json:"arg"`
	Path string `json:"path,omitempty"`
}

type reply struct {
	Code     int    `json:"code"`
	Enhanced string `json:"enhanced,omitempty"`
	To       *int   `json:"to,omitempty"` // index of the entry that it answers
	ToVerb   string `json:"toVerb,omitempty"`
}

type auth struct {
	Mechanism string   `json:"mechanism,omitempty"`
	Prompt    string   `json:"prompt,omitempty"`
	User      string   `json:"user,omitempty"`
	Secret    string   `json:"secret,omitempty"` // what is masked: "password", "token", ...
	Facts     []string `json:"facts,omitempty"`
}

type header struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type body struct {
	Lines    int64 `json:"lines"`
	Longest  int64 `json:"longest"`
	EightBit bool  `json:"eightBit"`
	Chunk    bool  `json:"chunk,omitempty"`
}

type note struct {
	ID    string `json:"id"`
	Text  string `json:"text"`
	Ref   string `json:"ref,omitempty"`
	Count int    `json:"count"`
}

func lineOf(t *decode.Transcript, i int, l lang.Lang) entry {
	e := t.Entries[i]
	line := entry{N: i, AtMS: float64(e.At.Microseconds()) / 1000, Upstream: e.Event != nil && e.Leg == who.ServerLeg}
	for _, m := range (annotate.View{Lang: l}).Entry(e) {
		if m.Kind == annotate.Meaning {
			line.Meaning = append(line.Meaning, m.Text)
		}
	}
	if e.Fact != nil {
		line.Kind = e.Fact.Type()
		line.Fact, _ = facts.Marshal(facts.In(e.Fact, l)) // facts hold nothing that JSON can't
		return line
	}
	ev := e.Event
	line.Inferred = e.Inferred
	line.From, line.To = e.From.String(), e.To.String()
	line.Kind, line.TLS, line.Bytes = ev.Kind.String(), ev.TLS, ev.Span.Len()
	if ev.Raw != nil {
		line.setText(ev.Raw)
	}
	line.setParts(t, i, ev)
	for _, n := range ev.Notes {
		line.Notes = append(line.Notes, note{n.ID, annotate.NoteText(l, &n), n.Ref, n.Count})
	}
	return line
}

func (l *entry) setParts(t *decode.Transcript, i int, ev *decode.Event) {
	if c := ev.Command; c != nil {
		l.Command = &command{c.Verb, c.Arg, c.Path}
	}
	if r := ev.Reply; r != nil {
		l.Reply = &reply{Code: r.Code, Enhanced: r.Enhanced, ToVerb: r.ToVerb}
		if to := t.Question(i); to >= 0 {
			l.Reply.To = &to
		}
	}
	if a := ev.Auth; a != nil {
		l.Auth = &auth{Mechanism: a.Mechanism, Prompt: a.Prompt, User: a.User}
		if a.Secret != nil {
			l.Auth.Secret, l.Auth.Facts = a.Secret.What, a.Secret.Facts
		}
	}
	if h := ev.Header; h != nil {
		l.Header = &header{h.Name, h.Value}
	}
	if b := ev.Body; b != nil {
		l.Body = &body{b.Lines, b.Longest, b.EightBit, b.Chunk}
	}
}

// setText gives the bytes as text where JSON can carry them.
func (l *entry) setText(p []byte) {
	if utf8.Valid(p) {
		s := string(p)
		l.Text = &s
		return
	}
	l.Base64 = base64.StdEncoding.EncodeToString(p)
}
