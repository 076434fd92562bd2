package logs_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"

	"smtptap/decode"
	"smtptap/decode/findings"
	"smtptap/decode/lang"
	"smtptap/decode/who"
	"smtptap/recordings/logs"
)

// The corpus is a folder of logs that people posted, each with a description.
// It is not part of the repository; the test is for those who have it.
const corpusFolder = "../../../shared/transcripts"

// A described is what is known about one log of the corpus.
type described struct {
	Format      string   `json:"format"`
	Outcome     string   `json:"outcome"`
	DiagnosisID string   `json:"diagnosis_id"`
	Secondary   []string `json:"secondary_ids"` // causes that stand beside it
	RootCause   string   `json:"root_cause"`
}

// formats map the beginning of a description's format to our dialects, the
// longer ones first.
var formats = []struct{ format, dialect string }{
	{"phpmailer-5.2.x before 5.2.8", "phpmailer-5.1"},
	{"phpmailer-6 ErrorInfo", "phpmailer-errorinfo"},
	{"phpmailer-5.2 ErrorInfo", "phpmailer-errorinfo"},
	// Nothing in the text tells these from the other version.
	{"phpmailer-6 (collected in a PHP array dump)", "phpmailer-5.2|phpmailer-6"},
	{"phpmailer-5.1", "phpmailer-5.1"},
	{"phpmailer-5.2", "phpmailer-5.2"},
	{"phpmailer-6", "phpmailer-6"},
	{"wp-mail-smtp", "wp-mail-smtp"},
	{"nodemailer-0.x", "nodemailer-0.x"},
	{"nodemailer-0.1", "nodemailer-0.1"},
	{"nodemailer-1", "nodemailer-1"},
	{"nodemailer", "nodemailer"},
	{"swiftmailer", "swiftmailer"},
	{"smtplib", "smtplib"},
	{"swaks", "swaks"},
	{"msmtp", "msmtp"},
	{"curl", "curl"},
	{"jakarta-mail", "javamail"},
	{"dokuwiki-smtp", "dokuwiki-smtp"},
	{"wiremailsmtp", "wiremailsmtp"},
	{"roundcube", "roundcube"},
	{"skpsmtpmessage", "skpsmtpmessage"},
	{"vmime", "vmime"},
	{"crystal-email", "crystal-email"},
	{"smtp-cli", "smtp-cli"},
	{"cpp-smtpclient", "cpp-smtpclient"},
	{"stalwart", "stalwart"},
	{"postal", "postal"},
	{"email-oauth2-proxy", "email-oauth2-proxy"},
	{"testssl", "testssl"},
	{"postfix-smtpd-log", "postfix-smtpd-log"},
	{"postfix-smtp-log (reply part only)", "postfix-smtp-log|postfix-bounce"},
	{"postfix-smtp-log", "postfix-smtp-log"},
	{"postfix-bounce", "postfix-bounce"},
	{"exim-mainlog", "exim-mainlog"},
	{"exim-bounce", "exim-bounce"},
	{"sendmail-bounce", "sendmail-bounce"},
	{"bounce", "bounce"},
	{"application", "application"},
	{"lansuite", "application"},
	{"raw", "raw"},
}

// rightDialect reports whether dialect is what the description's format means.
func rightDialect(format, dialect string) bool {
	for _, f := range formats {
		if strings.HasPrefix(format, f.format) {
			for _, d := range strings.Split(f.dialect, "|") {
				if d == dialect {
					return true
				}
			}
			return false
		}
	}
	return false
}

// corpus returns the logs of the corpus by name.
func corpus(t *testing.T) map[string]described {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(corpusFolder, "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Skipf("no logs in %s: the corpus is kept outside the repository", corpusFolder)
	}
	all := map[string]described{}
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		var d described
		if err := json.Unmarshal(data, &d); err != nil {
			t.Fatalf("%s: %v", f, err)
		}
		all[strings.TrimSuffix(filepath.Base(f), ".json")] = d
	}
	return all
}

// eachReal reads the logs of the corpus, in the order of their names.
func eachReal(t *testing.T, look func(name string, d described, tr *decode.Transcript)) {
	t.Helper()
	all := corpus(t)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		f, err := os.Open(filepath.Join(corpusFolder, name+".txt"))
		if err != nil {
			t.Fatal(err)
		}
		tr, err := logs.Parse(f)
		f.Close()
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		look(name, all[name], tr)
	}
}

var (
	serverLine = regexp.MustCompile(`^[2-5]\d\d(?:[ -]|\r?$)`)
	clientLine = regexp.MustCompile(`^(?i:(?:EHLO|HELO) \S|MAIL FROM:|RCPT TO:|AUTH (?:PLAIN|LOGIN|CRAM-MD5|XOAUTH2)|STARTTLS\r?$|DATA\r?$|RSET\r?$|QUIT\r?$)`)
)

// wrongSide lists the lines of a transcript that the other side must have said:
// a client does not send reply codes outside a message, a server no commands.
func wrongSide(tr *decode.Transcript) []string {
	var wrong []string
	for _, e := range tr.Entries {
		ev := e.Event
		if ev == nil {
			continue
		}
		for _, l := range strings.Split(strings.TrimRight(string(ev.Raw), "\r\n"), "\n") {
			switch {
			case ev.Side == who.Client && ev.Kind == decode.KindCommand && serverLine.MatchString(l),
				ev.Side == who.Server && clientLine.MatchString(l):
				wrong = append(wrong, l)
			}
		}
	}
	return wrong
}

// A score counts what was right of what there was.
type score struct{ right, all int }

func (s *score) count(right bool) bool {
	s.all++
	if right {
		s.right++
	}
	return right
}

func (s score) percent() int {
	if s.all == 0 {
		return 100
	}
	return s.right * 100 / s.all
}

func (s score) String() string { return fmt.Sprintf("%d of %d (%d %%)", s.right, s.all, s.percent()) }

// causeKnown reports that the description says for sure what was wrong.
func (d described) causeKnown() bool {
	return d.Outcome == "failure" && !strings.HasPrefix(d.RootCause, "unknown")
}

// TestCorpus scores dialects, sides and verdicts over real logs.
func TestCorpus(t *testing.T) {
	if raced {
		t.Skip("nothing runs beside anything here, and it is slow")
	}
	t.Parallel()
	var table strings.Builder
	w := tabwriter.NewWriter(&table, 0, 4, 2, ' ', 0)
	var dialects, verdicts, outcomes score
	eachReal(t, func(name string, d described, tr *decode.Transcript) {
		if wrong := wrongSide(tr); len(wrong) > 0 {
			t.Errorf("%s: said by the wrong side: %q", name, wrong)
		}
		report := findings.Analyze(tr, lang.English)
		marks := ""
		if !dialects.count(rightDialect(d.Format, tr.Dialect)) {
			marks += " dialect"
		}
		if !outcomes.count(report.Failed() == (d.Outcome == "failure")) {
			marks += " outcome"
			if report.Failed() {
				t.Errorf("%s: a %s is called a failure: %s", name, d.Outcome, report.Verdict.Text)
			}
		}
		if d.causeKnown() && !verdicts.count(report.Verdict.ID == d.DiagnosisID || slices.Contains(d.Secondary, report.Verdict.ID)) {
			marks += " verdict"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", name, tr.Dialect, d.DiagnosisID, report.Verdict.ID, marks)
	})
	w.Flush()
	t.Logf("dialects %v, outcomes %v, verdicts %v\n%s", dialects, outcomes, verdicts, table.String())
	if dialects.percent() < 95 {
		t.Errorf("dialects: %v, want 95 %%", dialects)
	}
	if verdicts.percent() < 90 {
		t.Errorf("verdicts: %v, want 90 %%", verdicts)
	}
}
