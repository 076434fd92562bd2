package check

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"time"

	"smtptap/decode/facts"
	"smtptap/decode/units"
	"smtptap/decode/visible"
)

// TextOptions say how Text writes a report.
type TextOptions struct {
	// Width is how many columns there are; longer lines are wrapped. 0 means
	// as many as are needed.
	Width int
	// Now is what the remaining days of certificates are counted from, the
	// time of the check if zero.
	Now time.Time
}

// Text writes the report for people: a table of all addresses, what was heard
// at each, the domain's records, and the verdict. All of it is safe to show.
func (r *Report) Text(w io.Writer, o TextOptions) error {
	if o.Now.IsZero() {
		o.Now = r.Started
	}
	p := &printer{w: bufio.NewWriter(w), o: o, r: r}
	p.line("", r.heading())
	if len(r.Hosts) > 0 {
		p.blank()
		p.table(r.rows())
	}
	for _, h := range r.Hosts {
		p.host(h)
	}
	if r.Records != nil {
		p.records(r)
	}
	if len(r.Notes) > 0 {
		p.blank()
		for _, n := range r.Notes {
			p.line("", r.say("labelled", "label", r.say("note"), "text", n))
		}
	}
	p.blank()
	p.line("", r.Verdict)
	return p.w.Flush()
}

func (r *Report) heading() string {
	name := visible.Text(r.Name)
	if r.Unicode != "" {
		name += " (" + visible.Text(r.Unicode) + ")"
	}
	switch {
	case r.Kind == KindHost:
		return r.say("server", "name", name)
	case len(r.Hosts) == 1:
		return r.say("domain-one", "name", name)
	}
	return r.say("domain", "name", name, "n", len(r.Hosts))
}

// rows are the table's, the heading first.
func (r *Report) rows() [][]string {
	rows := [][]string{strings.Split(r.say("columns"), "|")}
	for _, h := range r.Hosts {
		pref := "-"
		if h.Preference != nil {
			pref = fmt.Sprint(*h.Preference)
		}
		if len(h.Probes) == 0 {
			rows = append(rows, []string{pref, visible.Text(h.Name), r.say("none"), "-", "-", "-", "-", "-", r.say("no")})
		}
		for _, p := range h.Probes {
			rows = append(rows, append([]string{pref, visible.Text(h.Name)}, r.cells(p)...))
		}
	}
	return rows
}

func (r *Report) cells(p *Probe) []string {
	answer, tls, cert, login, size, mail := "-", "-", "-", "-", "-", r.say("no")
	switch {
	case p.Greeting != nil:
		answer = fmt.Sprint(p.Greeting.Code)
	case p.Dial != nil && p.Dial.Class != "":
		answer = p.Dial.Class
	}
	if p.TLS != nil {
		tls, cert = r.say("failed"), "-"
		if p.TLS.Err == "" {
			tls, cert = p.TLS.Version, p.TLS.Verdict
		}
	}
	switch {
	case len(p.Auth) > 0:
		login = r.say("yes")
	case len(p.AuthInTLS) > 0:
		login = r.say("in-tls")
	}
	if p.Size != nil && *p.Size > 0 {
		size = units.Bytes(*p.Size)
	}
	if p.OK {
		mail = r.say("yes")
	}
	return []string{p.Address, answer, tls, cert, login, size, mail}
}

// A printer writes wrapped and aligned lines.
type printer struct {
	w *bufio.Writer
	o TextOptions
	r *Report
}

func (p *printer) blank() { p.w.WriteByte('\n') }

// line writes text after a label. What does not fit goes on below, indented
// as the label is wide.
func (p *printer) line(label, text string) {
	indent := strings.Repeat(" ", visible.Width(label))
	room := p.o.Width - len(indent)
	for i, l := range strings.Split(text, "\n") {
		for j, part := range wrap(l, room) {
			if i > 0 || j > 0 {
				label = indent
			}
			p.w.WriteString(strings.TrimRight(label+part, " "))
			p.w.WriteByte('\n')
		}
	}
}

// narrowest is the width below which lines are not wrapped: nothing readable
// would come of it.
const narrowest = 20

// wrap cuts text into lines of at most room columns, at spaces where there are any.
func wrap(text string, room int) []string {
	if room < narrowest {
		return []string{text}
	}
	var lines []string
	for visible.Width(text) > room {
		head := visible.Truncate(text, room, "")
		if i := strings.LastIndexByte(head, ' '); i > 0 && text[len(head)] != ' ' {
			head = head[:i]
		}
		lines = append(lines, head)
		text = strings.TrimLeft(text[len(head):], " ")
	}
	return append(lines, text)
}

func (p *printer) table(rows [][]string) {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], visible.Width(cell))
		}
	}
	for _, row := range rows {
		var b strings.Builder
		for i, cell := range row {
			b.WriteString(cell)
			b.WriteString(strings.Repeat(" ", widths[i]-visible.Width(cell)+2))
		}
		p.w.WriteString(strings.TrimRight(b.String(), " "))
		p.w.WriteByte('\n')
	}
}

// field writes one property of a server.
func (p *printer) field(name, text string) {
	if text != "" {
		p.line("  "+pad(name, 13), text)
	}
}

func (p *printer) host(h *Host) {
	if h.Err != "" {
		p.blank()
		p.line("", visible.Text(h.Name))
		p.field(p.r.say("address"), visible.Text(h.Err))
	}
	for _, probe := range h.Probes {
		p.blank()
		p.line("", visible.Text(h.Name)+" "+probe.Address+", "+visible.Text(h.Why))
		p.probe(probe)
		p.tlsa(h, probe)
		if h.InPolicy != nil {
			key := "in-policy"
			if !*h.InPolicy {
				key = "not-in-policy"
			}
			p.field("MTA-STS", p.r.say(key))
		}
	}
}

func (p *printer) probe(probe *Probe) {
	if len(probe.Reverse) > 0 {
		p.field(p.r.say("reverse"), visible.Text(strings.Join(probe.Reverse, ", ")))
	} else {
		p.field(p.r.say("reverse"), visible.Text(probe.ReverseErr))
	}
	p.reply(p.r.say("greeting"), probe.Greeting)
	p.reply("EHLO", probe.EHLO)
	p.reply("HELO", probe.HELO)
	p.reply("STARTTLS", probe.STARTTLS)
	p.tls(probe.TLS)
	p.reply(p.r.say("ehlo-in-tls"), probe.EHLOInTLS)
	if probe.EHLO != nil || probe.EHLOInTLS != nil {
		p.field(p.r.say("login"), p.r.logins(probe))
		p.field(p.r.say("largest"), p.r.largest(probe.Size))
	}
	for _, n := range probe.Notes {
		p.field(p.r.say("note"), visible.Text(n))
	}
	p.field(p.r.say("failed"), visible.Text(probe.Err))
}

// reply writes the code on the first line only: it is the same on all.
func (p *printer) reply(name string, r *Reply) {
	if r == nil {
		return
	}
	lines := strings.Split(r.Text, "\n")
	for i, l := range lines {
		lines[i] = visible.Text(l)
	}
	p.field(name, fmt.Sprintf("%d %s", r.Code, strings.Join(lines, "\n    ")))
}

func (p *printer) tls(t *facts.TLS) {
	switch {
	case t == nil:
		return
	case t.Err != "":
		p.field("TLS", visible.Text(t.Err.In(p.r.Lang)))
		return
	}
	text := t.Version + ", " + t.Cipher
	if t.ClientCert {
		text += p.r.say("comma") + p.r.say("client-certificate")
	}
	p.field("TLS", text)
	verdict := t.Verdict
	if t.Reason != "" {
		verdict = p.r.say("labelled", "label", verdict, "text", visible.Text(t.Reason.In(p.r.Lang)))
	}
	p.field(p.r.say("certificate"), verdict)
	if len(t.Chain) == 0 {
		return
	}
	leaf := t.Chain[0]
	p.field("", visible.Text(leaf.Subject)+", "+leaf.Key)
	p.field("", p.r.say("for", "names", visible.Text(strings.Join(leaf.Names, ", "))))
	p.field("", p.r.say("issued", "issuer", visible.Text(leaf.Issuer)))
	p.field("", p.validity(leaf.NotBefore, leaf.NotAfter))
}

func (p *printer) validity(from, to time.Time) string {
	key := "valid"
	if to.Before(p.o.Now) {
		key = "expired"
	}
	return p.r.say(key, "from", from.UTC().Format(time.DateOnly), "to", to.UTC().Format(time.DateOnly), "left", to.Sub(p.o.Now))
}

func (r *Report) logins(probe *Probe) string {
	list := func(m []string) string {
		if len(m) == 0 {
			return r.say("none")
		}
		return visible.Text(strings.Join(m, ", "))
	}
	switch {
	case probe.EHLO != nil && probe.EHLOInTLS != nil:
		return r.say("logins-both", "clear", list(probe.Auth), "secure", list(probe.AuthInTLS))
	case probe.EHLOInTLS != nil:
		return r.say("logins-secure", "secure", list(probe.AuthInTLS))
	}
	return r.say("logins-clear", "clear", list(probe.Auth))
}

func (r *Report) largest(size *int64) string {
	switch {
	case size == nil:
		return r.say("size-unknown")
	case *size == 0:
		return r.say("size-unlimited")
	}
	return units.Exactly(*size)
}

func (p *printer) tlsa(h *Host, probe *Probe) {
	p.field("TLSA", visible.Text(strings.Join(h.TLSA, ", ")))
	p.field("TLSA", visible.Text(h.TLSAErr))
	if probe.DANE != DANENone {
		p.field("DANE", p.r.say("dane-"+string(probe.DANE)))
	}
}

func (p *printer) records(r *Report) {
	p.blank()
	p.record("SPF", r.Records.SPF)
	p.record("DMARC", r.Records.DMARC)
	p.record("MTA-STS", r.Records.MTASTS)
	policy := r.Records.Policy
	if policy == nil {
		return
	}
	text := visible.Text(policy.Err)
	if text == "" {
		text = r.say("policy-text", "mode", policy.Mode, "age", time.Duration(policy.MaxAge)*time.Second, "mx", visible.Text(strings.Join(policy.MX, " ")))
	}
	if policy.Note != "" {
		text += r.say("comma") + policy.Note
	}
	p.line(fmt.Sprintf("%-9s", ""), r.say("policy", "text", text))
}

func (p *printer) record(name string, rec Record) {
	label := fmt.Sprintf("%-9s", name)
	for _, t := range rec.Texts {
		p.line(label, visible.Text(t))
		label = strings.Repeat(" ", len(label))
	}
	switch {
	case rec.Err != "":
		p.line(label, visible.Text(rec.Err))
	case len(rec.Texts) == 0:
		p.line(label, p.r.say("none"))
	}
	if rec.Note != "" {
		p.line(strings.Repeat(" ", len(label)), rec.Note+" ("+visible.Text(rec.Name)+")")
	}
}

// pad fills a label up to so many columns.
func pad(s string, columns int) string {
	return s + strings.Repeat(" ", max(0, columns-visible.Width(s)))
}
