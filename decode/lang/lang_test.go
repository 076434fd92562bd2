package lang_test

import (
	"testing"

	"smtptap/decode/lang"
)

func TestParse(t *testing.T) {
	for name, want := range map[string]lang.Lang{"en": lang.English, "zh": lang.Chinese, "ZH": lang.Chinese, "zh_CN.UTF-8": lang.Chinese, "zh-TW": lang.Chinese, "en_US": lang.English, "C.UTF-8": lang.English} {
		if got, ok := lang.Parse(name); !ok || got != want {
			t.Errorf("Parse(%q) = %q, %v", name, got, ok)
		}
	}
	for _, name := range []string{"", "de", "zhuang", "de_DE.UTF-8"} {
		if got, ok := lang.Parse(name); ok || got != lang.English {
			t.Errorf("Parse(%q) = %q, %v", name, got, ok)
		}
	}
}

func TestLocale(t *testing.T) {
	for _, c := range []struct {
		env  map[string]string
		want lang.Lang
	}{
		{nil, lang.English},
		{map[string]string{"LANG": "zh_CN.UTF-8"}, lang.Chinese},
		{map[string]string{"LANG": "zh_CN.UTF-8", "LC_MESSAGES": "en_US.UTF-8"}, lang.English},
		{map[string]string{"LANG": "en_US.UTF-8", "LC_MESSAGES": "zh_TW"}, lang.Chinese},
		{map[string]string{"LANG": "zh_CN", "LC_ALL": "C"}, lang.English},
		{map[string]string{"LANG": "de_DE.UTF-8"}, lang.English},
	} {
		if got := lang.Locale(func(name string) string { return c.env[name] }); got != c.want {
			t.Errorf("Locale(%v) = %q, want %q", c.env, got, c.want)
		}
	}
}

func TestSay(t *testing.T) {
	texts := lang.NewTexts([]byte("[sent]\nen = \"Sent to {n}[ as {id}]\"\nzh = \"已发送给 {n}[，{id}]\"\n"))
	for _, c := range []struct {
		l     lang.Lang
		words []string
		want  string
	}{
		{lang.English, []string{"n", "2"}, "Sent to 2"},
		{lang.English, []string{"n", "2", "id", "X"}, "Sent to 2 as X"},
		{lang.Chinese, []string{"n", "2", "id", "[{n}]"}, "已发送给 2，[{n}]"},
		{"", nil, "Sent to ?"},
	} {
		if got := texts.Say(c.l, "sent", c.words...); got != c.want {
			t.Errorf("Say(%q, %q) = %q, want %q", c.l, c.words, got, c.want)
		}
	}
	if got := texts.Say(lang.Chinese, "unknown"); got != "unknown" {
		t.Errorf("a key without a text is %q", got)
	}
}
