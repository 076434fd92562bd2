// Package web shows sessions in a browser. It only reads: nothing that a page can
// ask for changes anything.
//
// Whoever asks must know the token, which the address that is printed holds, and
// must ask for an address and not for a name that somebody else may let lead here.
// A page loads a style and a script from the same place and nothing else.
package web

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"crypto/subtle"
	_ "embed"
	"html/template"
	"log/slog"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/netutil"

	"smtptap/decode/findings"
	"smtptap/decode/lang"
	"smtptap/decode/units"
	"smtptap/decode/visible"
	"smtptap/recordings"
	"smtptap/recordings/export"
	"smtptap/recordings/query"
	"smtptap/recordings/redact"
	"smtptap/recordings/transcript"
	"smtptap/tui/draw"
)

//go:embed page.html
var pageText string

//go:embed style.css
var style string

//go:embed script.js
var script string

//go:embed words.toml
var wordTexts []byte

var (
	words = lang.NewTexts(wordTexts)
	pages = template.Must(template.New("page").Parse(pageText))
)

const (
	// mostConns is how many connections browsers may have, all together.
	mostConns = 64
	// patience is how long a browser may take to ask, and to read a page.
	patience     = 10 * time.Second
	longPatience = time.Minute
	// perPage is how many sessions stand on a page of the list.
	perPage = 100
	// pause is the least time between two events, beat the longest.
	pause = 500 * time.Millisecond
	beat  = 15 * time.Second
)

// A Server shows sessions.
type Server struct {
	Sessions func() *transcript.Set // asked when somebody looks
	Lang     lang.Lang
	token    string
	host     string // that was asked for besides addresses
	cookie   string
}

// Address is what to open in a browser, for a server that listens at l by that
// host's name.
func (s *Server) Address(l net.Listener, host string) string {
	_, port, _ := net.SplitHostPort(l.Addr().String())
	s.token, s.host, s.cookie = rand.Text(), host, "smtptap-"+port
	if ip, err := netip.ParseAddr(host); err == nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, port) + "/?token=" + s.token
}

// Serve answers at l until ctx is done, and closes it.
func (s *Server) Serve(ctx context.Context, l net.Listener) {
	server := http.Server{
		Handler: s.guarded(), ReadTimeout: patience, IdleTimeout: longPatience, MaxHeaderBytes: 16 << 10,
		BaseContext: func(net.Listener) context.Context { return ctx },
		ErrorLog:    slog.NewLogLogger(slog.DiscardHandler, slog.LevelError), // what a stranger can cause is no news
	}
	defer context.AfterFunc(ctx, func() { server.Close() })()
	server.Serve(netutil.LimitListener(l, mostConns))
}

// headers are those of every answer.
var headers = map[string]string{
	"Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; " +
		"base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
	"X-Content-Type-Options":       "nosniff",
	"Referrer-Policy":              "no-referrer",
	"Cache-Control":                "no-store",
	"Cross-Origin-Opener-Policy":   "same-origin",
	"Cross-Origin-Resource-Policy": "same-origin",
}

// guarded lets in who asks for an address and knows the token.
func (s *Server) guarded() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.list)
	mux.HandleFunc("GET /sessions/{id}", s.session)
	mux.HandleFunc("GET /sessions/{id}/export", s.export)
	mux.HandleFunc("GET /events", s.events)
	mux.HandleFunc("GET /favicon.ico", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	mux.HandleFunc("GET /style.css", file("text/css", export.HTMLStyle+style))
	mux.HandleFunc("GET /script.js", file("text/javascript", script))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for name, value := range headers {
			w.Header().Set(name, value)
		}
		http.NewResponseController(w).SetWriteDeadline(time.Now().Add(longPatience))
		given := r.URL.Query().Get("token")
		cookie, err := r.Cookie(s.cookie)
		switch {
		case !s.ours(r.Host):
			http.Error(w, words.Say(s.Lang, "wrong-host"), http.StatusMisdirectedRequest)
		case s.knows(given):
			http.SetCookie(w, &http.Cookie{Name: s.cookie, Value: given, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode})
			http.Redirect(w, r, "/", http.StatusSeeOther) // so that the token leaves the address
		case err != nil || !s.knows(cookie.Value):
			http.Error(w, words.Say(s.Lang, "no-token"), http.StatusForbidden)
		default:
			mux.ServeHTTP(w, r)
		}
	})
}

func (s *Server) knows(token string) bool {
	return subtle.ConstantTimeCompare([]byte(token), []byte(s.token)) == 1
}

// ours reports whether a Host header can't be a name that a stranger's DNS lets
// lead here.
func (s *Server) ours(hostport string) bool {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		host = hostport
	}
	_, err = netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil || host == "localhost" || host == s.host
}

func file(kind, text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", kind+"; charset=utf-8")
		w.Write([]byte(text))
	}
}

// A page is what the templates draw.
type page struct {
	lang   lang.Lang
	Lang   string
	Title  string
	Events string // what to listen to; "" for a page that stays as it is

	Query, Trouble string
	Rows           []row
	Total          string
	Newer, Older   int // pages; 0 for none

	ID      string
	Body    template.HTML // of a session, by recordings/export
	Formats []string
	Levels  []string
}

// A row is a session of the list. Its texts are safe to show.
type row struct{ ID, Class, State, Time, Code, From, To, Size, Took, Why string }

// Say is a text of the page in its language.
func (p page) Say(key string, more ...string) string { return words.Say(p.lang, key, more...) }

// Head is the head of a column.
func (p page) Head(column string) string { return theme(p.lang).Say("column-" + column) }

func theme(l lang.Lang) *draw.Theme {
	t := draw.NewTheme(draw.Mono, false)
	t.Lang = l
	return &t
}

func (s *Server) page(title string) page {
	return page{lang: s.Lang, Lang: string(cmp.Or(s.Lang, lang.English)), Title: title}
}

func (s *Server) write(w http.ResponseWriter, name string, p page) {
	var b bytes.Buffer
	if err := pages.ExecuteTemplate(&b, name, p); err != nil {
		http.Error(w, words.Say(s.Lang, "no-page"), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Write(b.Bytes())
}

// list is a page of the list, the newest session first.
func (s *Server) list(w http.ResponseWriter, r *http.Request) {
	set, p := s.Sessions(), s.page("smtptap")
	p.Events, p.Query = "/events", r.FormValue("q")
	filter, err := query.Parse(p.Query)
	if err != nil {
		p.Trouble = visible.Text(err.Error())
		filter, _ = query.Parse("")
	}
	n, _ := strconv.Atoi(r.FormValue("page"))
	n = min(max(n, 1), 1<<20)
	skip, picked := (n-1)*perPage, 0
	for i := set.Len() - 1; i >= 0; i-- {
		if filter.All() && (picked < skip || picked >= skip+perPage) {
			picked++ // it need not be read
			continue
		}
		sum := set.Summary(i)
		if sum.ID == "" || !filter.All() && !filter.Match(s.asked(set, sum, filter)) {
			continue
		}
		if picked >= skip && picked < skip+perPage {
			p.Rows = append(p.Rows, s.row(sum))
		}
		picked++
	}
	p.Total = theme(s.Lang).Count("sessions", picked)
	if n > 1 {
		p.Newer = n - 1
	}
	if picked > skip+perPage {
		p.Older = n + 1
	}
	s.write(w, "list", p)
}

// asked is a session as a filter asks for it.
func (s *Server) asked(set *transcript.Set, sum transcript.Summary, filter *query.Filter) *query.Session {
	q := &query.Session{Summary: sum}
	if filter.NeedsFindings() {
		if t, err := set.Open(sum.ID); err == nil {
			q.Findings = query.Findings(findings.Analyze(t, s.Lang))
		}
	}
	return q
}

func (s *Server) row(sum transcript.Summary) row {
	r := row{
		ID: sum.ID, Class: string(sum.Outcome), State: theme(s.Lang).Say("state-" + string(sum.Outcome)), Time: sum.Started.Local().Format("2006-01-02 15:04:05"),
		From: visible.Text(sum.From), To: visible.Text(sum.Rcpt), Size: units.Bytes(sum.Size), Took: units.Time(sum.Took), Why: visible.Text(sum.Subject),
	}
	if sum.Rcpts > 1 {
		r.To += " +" + strconv.Itoa(sum.Rcpts-1)
	}
	if sum.Code > 0 {
		r.Code = strconv.Itoa(sum.Code)
	}
	if !sum.Outcome.Good() && !sum.Live && sum.Verdict != "" {
		r.Why = visible.Text(sum.Verdict.In(s.Lang))
	}
	return r
}

// session is the page of one session.
func (s *Server) session(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	t, err := s.Sessions().Open(id)
	if err != nil {
		http.Error(w, visible.Text(err.Error()), http.StatusNotFound)
		return
	}
	var body bytes.Buffer
	if t, err = redact.Needed(t, redact.Levels{}); err == nil { // no password gets into a page
		err = export.HTMLBody(&body, t, s.Lang)
	}
	if err != nil {
		http.Error(w, words.Say(s.Lang, "no-session"), http.StatusInternalServerError)
		return
	}
	p := s.page("smtptap " + visible.Text(recordings.ShortID(id)))
	p.ID, p.Body, p.Formats, p.Levels = id, template.HTML(body.String()), export.Formats(), redact.Names()[1:] // without auth
	if !t.Ended {
		p.Events = "/events"
	}
	s.write(w, "session", p)
}

// export is a session as a file, without what is to be taken out.
func (s *Server) export(w http.ResponseWriter, r *http.Request) {
	t, err := s.Sessions().Open(r.PathValue("id"))
	if err != nil {
		http.Error(w, visible.Text(err.Error()), http.StatusNotFound)
		return
	}
	r.ParseForm()
	format := r.FormValue("format")
	levels, err := redact.Parse(r.Form["redact"])
	if err == nil {
		err = export.CheckFormat(format)
	}
	var b bytes.Buffer
	if err == nil {
		secrets := redact.Secrets(t)
		if t, err = redact.Needed(t, levels); err == nil {
			err = export.Write(&b, t, format, s.Lang, secrets)
		}
	}
	if err != nil {
		http.Error(w, visible.Text(err.Error()), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	name := recordings.ShortID(r.PathValue("id")) + export.Extension(format)
	w.Header().Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": name}))
	w.Write(b.Bytes())
}

// events tells a page that something has changed since it was told so.
func (s *Server) events(w http.ResponseWriter, r *http.Request) {
	changes, cancel := s.Sessions().Subscribe()
	defer cancel()
	w.Header().Set("Content-Type", "text/event-stream")
	to := http.NewResponseController(w)
	for event := "data: changed\n\n"; ; { // between the page and now it may have
		to.SetWriteDeadline(time.Now().Add(patience))
		if _, err := w.Write([]byte(event)); err != nil || to.Flush() != nil {
			return
		}
		select {
		case <-time.After(pause):
		case <-r.Context().Done():
			return
		}
		select {
		case <-changes:
			event = "data: changed\n\n"
		case <-time.After(beat):
			event = ": nothing new\n\n"
		case <-r.Context().Done():
			return
		}
	}
}
