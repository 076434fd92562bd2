package meaning_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"smtptap/decode/meaning"
)

// A paraphrase is a reply in words of somebody's own, and what it means.
type paraphrase struct {
	id    string
	reply meaning.Reply
	line  int
}

// paraphrases reads a file of testdata: headings of the form
// "= ID | STAGE CODE", and under each the same reply in other words.
func paraphrases(t testing.TB, path string) []paraphrase {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var all []paraphrase
	var head paraphrase
	for i, line := range strings.Split(strings.TrimSpace(string(data)), "\n") {
		if heading, found := strings.CutPrefix(line, "= "); found {
			id, where, _ := strings.Cut(heading, " | ")
			stage, code, _ := strings.Cut(where, " ")
			n, err := strconv.Atoi(code)
			if err != nil {
				t.Fatalf("%s: %q: %v", path, line, err)
			}
			head = paraphrase{id: id, reply: meaning.Reply{Stage: stage, Code: n}}
			continue
		}
		p := head
		p.reply.Words, p.line = line, i+1
		all = append(all, p)
	}
	return all
}

// kin are meanings of which either is right where the other is told.
var kin = map[string]string{"HELO-UNRESOLVABLE-450": "HELO-NOT-FQDN-504"}

// understood reports what a reply is taken for, and whether that is right.
func understood(p paraphrase) (string, bool) {
	all := meaning.Of(p.reply)
	if len(all) == 0 {
		return "nothing", false
	}
	got := all[0].ID
	return got, got == p.id || kin[got] == p.id
}

// score counts the paraphrases of a folder that are understood, by language,
// after a change to each reply.
func score(t *testing.T, folder string, languages, atLeast int, change func(*meaning.Reply)) {
	files, err := filepath.Glob("testdata/" + folder + "/*.txt")
	if err != nil || len(files) < languages {
		t.Fatal("not all languages of paraphrases", files, err)
	}
	for _, file := range files {
		language := strings.TrimSuffix(filepath.Base(file), ".txt")
		t.Run(folder+"/"+language, func(t *testing.T) {
			all := paraphrases(t, file)
			right := 0
			for _, p := range all {
				change(&p.reply)
				got, ok := understood(p)
				if ok {
					right++
				} else {
					t.Logf("line %d: %q is %s, not %s: %v", p.line, p.reply.Words, got, p.id, meaning.Concepts(p.reply.Words))
				}
			}
			if right*100 < len(all)*atLeast {
				t.Errorf("%d of %d understood", right, len(all))
			}
			t.Logf("%d of %d understood", right, len(all))
		})
	}
}

// TestParaphrases reads what servers might say, in twelve languages and in
// words that no server is known to use. Those in testdata/servers were written
// without a look at the lexicon, as servers of different makes would word them.
func TestParaphrases(t *testing.T) {
	as := func(*meaning.Reply) {}
	score(t, "paraphrases", 12, 95, as)
	score(t, "others", 12, 90, as)
	score(t, "servers", 7, 90, as)
}

// TestParaphrasesWithoutStage reads the same where it is not known what they
// answer, and only the class of the code is.
func TestParaphrasesWithoutStage(t *testing.T) {
	score(t, "paraphrases", 12, 85, func(r *meaning.Reply) { r.Stage, r.Code = "", r.Code/100*100 })
}
