package cli

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"smtptap/decode/facts"
	"smtptap/recordings"
	"smtptap/recordings/transcript"
)

// recorded makes recordings of dialogues, and returns their folder and ids.
func recorded(t *testing.T, texts ...string) (dir string, ids []string) {
	t.Helper()
	folder, err := recordings.OpenFolder(filepath.Join(t.TempDir(), "recordings"))
	if err != nil {
		t.Fatal(err)
	}
	set := transcript.NewSet(transcript.Options{Folder: folder})
	for _, text := range texts {
		l := set.Begin(transcript.Session{Target: "mx.example.org:25", Mode: "intercept"})
		l.Fact(&facts.Open{Client: "127.0.0.1:40000"})
		l.Fact(&facts.Dial{Addr: "192.0.2.25:25"})
		play(t, l, text)
		l.End(facts.End{Cause: facts.CauseClosed})
		ids = append(ids, l.ID())
	}
	if err := set.Close(); err != nil {
		t.Fatal(err)
	}
	return folder.Dir(), ids
}

// list, export and prune look at the recordings that a query picks.
func TestMatch(t *testing.T) {
	dir, ids := recorded(t, hello+one+quit, hello+from+noRcpt+quit, hello+one+from+more+other+taken+quit)
	for query, want := range map[string][]string{
		"sent":                     {ids[2], ids[0]},
		"code:5xx":                 {ids[1]},
		"finding:rcpt":             {ids[1]},
		"!finding>=failure":        {ids[2], ids[0]},
		"rcpt:c@example.net":       {ids[2]},
		"subject:two | refused":    {ids[2], ids[1]},
		"mode:intercept":           {ids[2], ids[1], ids[0]},
		"from:nobody":              {},
		"sent messages>1 took<10m": {ids[2]},
	} {
		_, out, complaint := smtptap(t, nil, "list", "-w", dir, "--json", "--match", query)
		missing := slices.ContainsFunc(want, func(id string) bool { return !strings.Contains(out, `"id": "`+id) })
		if strings.Count(out, `"id":`) != len(want) || missing {
			t.Errorf("list --match %q: %s%s", query, out, complaint)
		}
	}
	into := t.TempDir()
	for _, c := range []struct {
		args   []string
		status int
		says   string
	}{
		{[]string{"list", "--match", "tsl:yes"}, 2, `--match tsl:yes: character 1: there is no field tsl:, perhaps you mean tls:`},
		{[]string{"list", "--lang", "zh", "--match", "x ("}, 2, "第 4 个字符"},
		{[]string{"export", "-f", "text", "--match", "sent"}, 1, "2 recordings match"},
		{[]string{"export", "-f", "text", "--match", "from:nobody"}, 1, "no recordings match"},
		{[]string{"export", "-f", "text", "--match", "sent", ids[0]}, 2, "not both"},
		{[]string{"export", "-f", "text", "--match", "refused"}, 0, "contents: "},
		{[]string{"export", "-f", "json", "--match", "sent", "-o", into}, 0, "contents: "},
		{[]string{"prune", "--match", "sent"}, 2, "--older"},
		{[]string{"prune", "--older", "0s", "--match", "code:5xx", "--dry-run"}, 0, "would delete 1 "},
		{[]string{"prune", "--older", "0s", "--match", "code:5xx"}, 0, "deleted 1 "},
	} {
		if status, _, complaint := smtptap(t, nil, append(c.args, "-w", dir)...); status != c.status || !strings.Contains(complaint, c.says) {
			t.Errorf("%q: status %d, %q", c.args, status, complaint)
		}
	}
	for _, name := range []string{ids[0], ids[2]} {
		if _, err := os.Stat(filepath.Join(into, name+".json")); err != nil {
			t.Error(err)
		}
	}
	if left, err := recordings.List(dir); err != nil || len(left) != 2 || left[0].ID == ids[1] || left[1].ID == ids[1] {
		t.Errorf("after prune there are %v, %v", left, err)
	}
}

func TestHelpOfQueries(t *testing.T) {
	for _, args := range [][]string{{"help", "query"}, {"query"}, {"query", "--help"}} {
		if status, out, _ := smtptap(t, nil, args...); status != 0 || !strings.Contains(out, "finding:warning") {
			t.Errorf("%q: status %d, %s", args, status, out)
		}
	}
}
