package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"smtptap/recordings/expect"
)

// A report is one of --report: a format, and the file that takes it.
type report struct{ format, file string }

// reportsFlag is --report.
type reportsFlag []report

// Set takes one more report.
func (f *reportsFlag) Set(s string) error {
	format, file, named := strings.Cut(s, ":")
	if format == "junit" && file != "" || format == "json" && named == (file != "") || format == "github" && !named {
		*f = append(*f, report{format, file})
		return nil
	}
	return failed("bad-report")
}

func (f *reportsFlag) String() string {
	var all []string
	for _, r := range *f {
		all = append(all, strings.TrimSuffix(r.format+":"+r.file, ":"))
	}
	return strings.Join(all, ", ")
}

// Type is how the help names the value.
func (f *reportsFlag) Type() string { return "REPORT" }

// github reports whether GitHub is told.
func (f reportsFlag) github() bool { return slices.Contains(f, report{format: "github"}) }

// stdout reports whether a report goes to the standard output.
func (f reportsFlag) stdout() bool { return slices.Contains(f, report{format: "json"}) }

// prepare empties the files, so that one that can't be written is told before
// the sessions, not after them.
func (f reportsFlag) prepare() error {
	for _, r := range f {
		if r.file == "" {
			continue
		}
		if err := os.WriteFile(r.file, nil, 0o644); err != nil {
			return fmt.Errorf("--report: %w", err)
		}
	}
	return nil
}

// write writes all reports.
func (f reportsFlag) write(s Streams, r *expect.Report) error {
	for _, to := range f {
		var err error
		switch {
		case to.format == "junit":
			err = into(to.file, os.O_TRUNC, r.JUnit)
		case to.format == "json" && to.file != "":
			err = into(to.file, os.O_TRUNC, r.JSON)
		case to.format == "json":
			err = r.JSON(s.Out)
		default:
			// Annotations are read on either stream; the other one is the
			// program's output.
			if err = r.GitHub(s.Err); err == nil && os.Getenv(stepSummary) != "" {
				err = into(os.Getenv(stepSummary), os.O_APPEND, r.Summary)
			}
		}
		if err != nil {
			return fmt.Errorf("--report: %w", err)
		}
	}
	return nil
}

// stepSummary is the variable that names the file for the summary of a step.
const stepSummary = "GITHUB_STEP_SUMMARY"

func into(file string, how int, write func(io.Writer) error) error {
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|how, 0o644)
	if err != nil {
		return err
	}
	return errors.Join(write(f), f.Close())
}
