package expect

import (
	"encoding/xml"
	"fmt"
	"io"
	"os"
	"strings"

	"smtptap/decode/visible"
	"smtptap/recordings"
)

// The elements and attributes are those that both the schema of Ant's task and
// that of Jenkins know, in their order.
type (
	junitSuites struct {
		XMLName xml.Name   `xml:"testsuites"`
		Suite   junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name       string      `xml:"name,attr"`
		Timestamp  string      `xml:"timestamp,attr"`
		Host       string      `xml:"hostname,attr"`
		Tests      int         `xml:"tests,attr"`
		Failures   int         `xml:"failures,attr"`
		Errors     int         `xml:"errors,attr"`
		Time       string      `xml:"time,attr"`
		ID         int         `xml:"id,attr"`
		Package    string      `xml:"package,attr"`
		Properties struct{}    `xml:"properties"`
		Cases      []junitCase `xml:"testcase"`
		Out        string      `xml:"system-out"`
		Err        string      `xml:"system-err"`
	}
	junitCase struct {
		Name    string        `xml:"name,attr"`
		Class   string        `xml:"classname,attr"`
		Time    string        `xml:"time,attr"`
		Failure *junitFailure `xml:"failure"`
	}
	junitFailure struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr"`
		Text    string `xml:",chardata"`
	}
)

// JUnit writes the report as JUnit XML: a test case for each session and query.
// Cases are named by the order of the sessions, so that they have the same names
// in the next run.
func (r *Report) JUnit(w io.Writer) error {
	host, _ := os.Hostname()
	suite := junitSuite{Name: "smtptap", Package: "smtptap", Host: visible.Text(host)}
	var took float64
	var out strings.Builder
	for n, s := range r.Sessions {
		if n == 0 {
			suite.Timestamp = s.Started.UTC().Format("2006-01-02T15:04:05")
		}
		seconds := s.Took.Seconds()
		took += seconds
		fmt.Fprintf(&out, "%s  %s  %s\n", recordings.ShortID(s.ID), s.Verdict.Text, visible.Text(s.Path))
		for _, c := range s.Checks {
			made := junitCase{Name: fmt.Sprintf("%s, session %d", visible.Text(c.Query), n+1), Class: "smtptap", Time: fmt.Sprintf("%.3f", seconds)}
			var lines []string
			for _, m := range c.Misses {
				lines = append(lines, s.line(m, r.Lang))
			}
			suite.add(made, "expectation", lines)
		}
	}
	if len(r.Misses) > 0 || len(suite.Cases) == 0 {
		suite.add(junitCase{Name: words.Say(r.Lang, "comes"), Class: "smtptap", Time: "0.000"}, "sessions", r.Misses)
	}
	suite.Time, suite.Out = fmt.Sprintf("%.3f", took), out.String()
	if suite.Timestamp == "" {
		suite.Timestamp = r.Ended.UTC().Format("2006-01-02T15:04:05")
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	if err := e.Encode(junitSuites{Suite: suite}); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

// add adds a case, which failed if there are lines.
func (s *junitSuite) add(c junitCase, kind string, lines []string) {
	if len(lines) > 0 {
		c.Failure = &junitFailure{lines[0], kind, strings.Join(lines, "\n")}
		s.Failures++
	}
	s.Cases = append(s.Cases, c)
	s.Tests++
}
