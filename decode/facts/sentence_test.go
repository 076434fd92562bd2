package facts_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"smtptap/decode/facts"
	"smtptap/decode/lang"
	"smtptap/decode/lang/langtest"
)

func TestWords(t *testing.T) { langtest.Texts(t, facts.Words) }

// A recording holds a key and values; people read it in their language.
func TestSentence(t *testing.T) {
	expired := facts.Say("certificate-expired", "day", "2026-01-31", "ago", 50*time.Hour)
	for _, c := range []struct {
		is           facts.Sentence
		json, en, zh string
	}{
		{"", `""`, "", ""},
		{facts.Plain("550 no"), `"550 no"`, "550 no", "550 no"},
		{facts.Plain("\x00{\"say\":\"idle\"}"), `"{\"say\":\"idle\"}"`, `{"say":"idle"}`, `{"say":"idle"}`},
		{facts.Say("stopped"), `"stopped"`, "smtptap was stopped", "smtptap 已停止"},
		{expired, `{"ago":"2 d 2 h","day":"2026-01-31","say":"certificate-expired"}`, "it expired on 2026-01-31, 2 d 2 h ago", "已于 2026-01-31 过期，距今 2 d 2 h"},
		{facts.Say("certificate-refused", "verdict", "expired", "why", expired), `{"say":"certificate-refused","verdict":"expired","why":{"ago":"2 d 2 h","day":"2026-01-31","say":"certificate-expired"}}`,
			"smtptap rejected the server's certificate (expired): it expired on 2026-01-31, 2 d 2 h ago", "smtptap 不接受服务器的证书（expired）：已于 2026-01-31 过期，距今 2 d 2 h"},
		{facts.Say("no-such-text", "a", "b"), `{"a":"b","say":"no-such-text"}`, "no-such-text", "no-such-text"},
	} {
		data, err := facts.Marshal(&facts.Note{ID: "x", Text: c.is})
		if err != nil || string(data) != `{"id":"x","text":`+c.json+`}` {
			t.Errorf("written as %s, %v; want %s", data, err, c.json)
		}
		read, err := facts.Unmarshal("note", data)
		if err != nil {
			t.Fatal(err)
		}
		if got := read.(*facts.Note).Text; got.In(lang.English) != c.en || got.In(lang.Chinese) != c.zh {
			t.Errorf("%s reads %q, %q", c.json, got.In(lang.English), got.In(lang.Chinese))
		}
		if said := facts.In(read, lang.Chinese).(*facts.Note); said.Text != facts.Plain(c.zh) || read.(*facts.Note).Text != c.is && !strings.Contains(c.json, "say") {
			t.Errorf("%s is said as %q", c.json, said.Text)
		}
	}
}

func TestBecause(t *testing.T) {
	late := facts.Say("reply-too-long", "n", 3)
	for _, c := range []struct {
		err  error
		want facts.Sentence
	}{
		{nil, ""},
		{errors.New("reset"), "reset"},
		{late, late},
		{fmt.Errorf("%w", late), late},
		{fmt.Errorf("then %w", late), facts.Plain("then " + late.Error())},
	} {
		if got := facts.Because(c.err); got != c.want {
			t.Errorf("%v: %q", c.err, got)
		}
	}
	if got := facts.All("list", []facts.Sentence{"a", "b", "c"}).String(); got != "a, b, c" {
		t.Error(got)
	}
}

// What others have written into a recording is bounded and harmless.
func FuzzSentence(f *testing.F) {
	for _, s := range []string{`"x"`, `{"say":"also","one":{"say":"stopped"},"other":"b"}`, `{"say":1}`, `{"one":"` + strings.Repeat("{", 100) + `"}`} {
		f.Add(`{"id":"x","text":` + s + `}`)
	}
	f.Fuzz(func(t *testing.T, data string) {
		read, err := facts.Unmarshal("note", []byte(data))
		if err != nil {
			return
		}
		text := read.(*facts.Note).Text
		again, err := facts.Marshal(read)
		if err != nil {
			t.Fatalf("%q can't be written: %v", data, err)
		}
		if back, err := facts.Unmarshal("note", again); err != nil || back.(*facts.Note).Text.In(lang.Chinese) != text.In(lang.Chinese) {
			t.Errorf("%q becomes %q", data, again)
		}
	})
}
