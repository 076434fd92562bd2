package spelling

import "testing"

func TestNearest(t *testing.T) {
	names := []string{"list", "view", "show", "export", "explain", "diff"}
	for typed, want := range map[string]string{
		"lst": "list", "lsit": "list", "listt": "list", "lisp": "list", "list": "list", "difff": "diff", "shwo": "show",
		"exprot": "export", "explian": "explain", "exp": "export", "expl": "explain", "vie": "view",
		"nope": "", "x": "", "ex": "", "": "", "exhibitions": "", "日本": "",
	} {
		if got := Nearest(typed, names); got != want {
			t.Errorf("%q is taken for %q, want %q", typed, got, want)
		}
	}
}

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"", "abc", 3}, {"abc", "abc", 0}, {"abc", "abd", 1}, {"abc", "ab", 1}, {"abc", "abcd", 1},
		{"abc", "acb", 1}, {"abc", "bac", 1}, {"ca", "abc", 3}, {"kitten", "sitting", 3},
	} {
		if got, back := distance(c.a, c.b), distance(c.b, c.a); got != c.want || back != c.want {
			t.Errorf("%q and %q are %d and %d apart, want %d", c.a, c.b, got, back, c.want)
		}
	}
}
