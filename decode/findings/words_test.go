package findings

import (
	"slices"
	"strings"
	"testing"
	"unicode"

	"smtptap/decode/lang"
	"smtptap/decode/lang/langtest"
)

// Every text of the catalogue is there in both languages and keeps to the
// voice; titles fit a verdict.
func TestWords(t *testing.T) {
	for i := range catalogue() {
		r := &catalogue()[i]
		checkWords(t, r, r.ID, r.En, r.Zh, r.Code, true)
		if r.En.Title == "" || r.En.Why == "" || r.En.Fix == "" {
			t.Errorf("%s lacks a title, a reason or a fix", r.ID)
		}
		if (r.Severity == Failure) != (r.Retry != "") {
			t.Errorf("%s: severity %s, retry %q", r.ID, r.Severity, r.Retry)
		}
		if r.Retry != "" && !slices.Contains([]Retry{RetryLater, RetryAfterFix, RetryNever}, r.Retry) {
			t.Errorf("%s: retry %q", r.ID, r.Retry)
		}
		for p, v := range r.At {
			checkWords(t, r, r.ID+" at "+string(p), v.En, v.Zh, v.Code, false)
		}
		for name, v := range r.Case {
			checkWords(t, r, r.ID+" case "+name, v.En, v.Zh, v.Code, false)
		}
	}
	langtest.Texts(t, verdicts)
}

func checkWords(t *testing.T, r *rule, where string, en, zh words, code map[string]string, whole bool) {
	t.Helper()
	pair := func(a, b string) lang.Text { return lang.Text{En: a, Zh: b} }
	if title := pair(en.Title, zh.Title); title != (lang.Text{}) && r.Severity == Failure {
		langtest.Title(t, where, pair(verdicts.Say(lang.English, "not-sent", "reason", title.En), verdicts.Say(lang.Chinese, "not-sent", "reason", title.Zh)))
	}
	for _, title := range []lang.Text{pair(en.Title, zh.Title), pair(en.Lint, zh.Lint)} {
		if title != (lang.Text{}) {
			langtest.Title(t, where, title)
		}
	}
	// A list of ports reads as one in English only.
	fix := pair(strings.ReplaceAll(en.Fix, "{ports}", "{port}"), strings.ReplaceAll(zh.Fix, "{ports}", "{port}"))
	for _, text := range []lang.Text{pair(en.Why, zh.Why), fix} {
		if whole || text != (lang.Text{}) {
			langtest.Text(t, where, text)
		}
	}
	if len(steps(en.Fix)) != len(steps(zh.Fix)) {
		t.Errorf("%s: %d steps in English, %d in Chinese", where, len(steps(en.Fix)), len(steps(zh.Fix)))
	}
	if n := strings.Count(en.Why+" ", ". "); n > 2 {
		t.Errorf("%s: a reason of %d sentences", where, n)
	}
	for _, c := range clients() {
		if text := pair(en.Client[c.ID], zh.Client[c.ID]); text != (lang.Text{}) {
			langtest.Text(t, where+", "+c.ID, text)
		}
	}
	for _, all := range []map[string]string{en.Client, zh.Client, code} {
		for id := range all {
			if clientWith(id).ID == "" {
				t.Errorf("%s: no client is called %s", where, id)
			}
		}
	}
	for id, text := range code {
		if strings.ContainsFunc(text, func(r rune) bool { return unicode.Is(unicode.Han, r) }) {
			t.Errorf("%s: the code of %s is in a language", where, id)
		}
	}
}
