package check

import (
	"context"
	"smtptap/decode/lang"
	"strings"
	"sync"
)

// Records are what a domain says in the DNS about its mail.
type Records struct {
	SPF    Record  `json:"spf"`    // RFC 7208
	DMARC  Record  `json:"dmarc"`  // RFC 7489
	MTASTS Record  `json:"mtaSTS"` // RFC 8461
	Policy *Policy `json:"policy,omitempty"`
}

// A Record is the text record of one purpose.
type Record struct {
	Name  string   `json:"name"` // where it was found, or first looked for
	Texts []string `json:"texts,omitempty"`
	Err   string   `json:"err,omitempty"`  // why it is not known whether there is one
	Note  string   `json:"note,omitempty"` // what is wrong with it
}

func (c *checker) records(ctx context.Context, r *Records) {
	domain := c.report.Name
	var all sync.WaitGroup
	all.Go(func() { r.SPF = c.text(ctx, domain, "v=spf1") })
	all.Go(func() { r.DMARC = c.dmarc(ctx, domain) })
	all.Go(func() {
		r.MTASTS = c.text(ctx, "_mta-sts."+domain, "v=STSv1")
		if len(r.MTASTS.Texts) == 1 {
			r.Policy = c.fetchPolicy(ctx, domain)
		}
	})
	all.Wait()
}

// text finds the text records of name that begin with a version tag.
func (c *checker) text(ctx context.Context, name, version string) Record {
	rec := Record{Name: name}
	texts, err := c.resolver.Lookup(c.note).TXT(ctx, name)
	if err != nil && !isAbsent(err) {
		rec.Err = lang.Of(c.Lang, err)
		return rec
	}
	for _, t := range texts {
		if hasVersion(t, version) {
			rec.Texts = append(rec.Texts, t)
		}
	}
	if len(rec.Texts) > 1 {
		rec.Note = c.report.say("record-many", "n", len(rec.Texts))
	}
	return rec
}

// hasVersion reports whether a record begins with its version tag and nothing
// else is glued to that.
func hasVersion(text, version string) bool {
	rest, ok := cutPrefixFold(text, version)
	return ok && (rest == "" || rest[0] == ' ' || rest[0] == ';')
}

func cutPrefixFold(s, prefix string) (rest string, ok bool) {
	if len(s) < len(prefix) || !strings.EqualFold(s[:len(prefix)], prefix) {
		return "", false
	}
	return s[len(prefix):], true
}

// maxParents is how far up the DNS a DMARC record is looked for. Where the
// organization's own domain begins can't be told without a list of suffixes.
const maxParents = 4

// dmarc finds the record of the domain, or of the nearest parent that has one.
func (c *checker) dmarc(ctx context.Context, domain string) Record {
	first := c.text(ctx, "_dmarc."+domain, "v=DMARC1")
	if len(first.Texts) > 0 || first.Err != "" {
		return first
	}
	for range maxParents {
		_, parent, ok := strings.Cut(domain, ".")
		if !ok || !strings.Contains(parent, ".") {
			break
		}
		domain = parent
		if rec := c.text(ctx, "_dmarc."+domain, "v=DMARC1"); len(rec.Texts) > 0 {
			if rec.Note = c.report.say("record-parent"); len(rec.Texts) > 1 {
				rec.Note = c.report.say("record-many-parent", "n", len(rec.Texts))
			}
			return rec
		}
	}
	return first
}
