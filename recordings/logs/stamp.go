package logs

import (
	"strings"
	"time"
)

// stampForms are the time stamps that logs put in front of a line, the more
// exact first. A form without a date gives a time of year 0; only differences
// are used then.
var stampForms = []struct {
	re      *pattern
	layouts []string
}{
	{compile(`^\d{2,4}[-/]\d\d[-/]\d\d[ T]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z| ?[+-]\d\d:?\d\d)?`),
		[]string{"2006-01-02 15:04:05Z0700", "2006-01-02 15:04:05 Z0700", "2006-01-02 15:04:05Z07:00", "2006-01-02 15:04:05", "06-01-02 15:04:05"}},
	{compile(`^\d\d?-[A-Z][a-z]{2}-\d{4} \d\d:\d\d:\d\d(?:\.\d{1,9})?(?: [+-]\d{4}| [A-Z][A-Za-z_/]+)?`),
		[]string{"2-Jan-2006 15:04:05 -0700", "2-Jan-2006 15:04:05"}},
	{compile(`^[A-Z][a-z]{2},? [A-Z][a-z]{2} [ \d]?\d \d\d:\d\d:\d\d(?:\.\d{1,9})? \d{4}`),
		[]string{"Mon Jan _2 15:04:05 2006"}},
	{compile(`^[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d(?:\.\d{1,9})?`),
		[]string{"Jan _2 15:04:05"}},
	{compile(`^\d\d-\d\d-\d{4} \d\d:\d\d:\d\d(?:[.,]\d{1,9})?`),
		[]string{"01-02-2006 15:04:05", "02-01-2006 15:04:05"}},
	{compile(`^\d\d[/.]\d\d[/.]\d{4}(?: à|,|:)? ?\d\d:\d\d:\d\d`),
		[]string{"02-01-2006 15:04:05", "01-02-2006 15:04:05"}},
	{compile(`^\d\d:\d\d:\d\d(?:[.,]\d{1,9})?`),
		[]string{"15:04:05"}},
}

// normalStamp writes a stamp the one way that the layouts expect.
var normalStamp = strings.NewReplacer("T", " ", ",", ".", "/", "-", " à", "")

// takeStamp removes a time stamp, bare or in square brackets, from the front
// of text. Without one it returns text and a zero time.
func takeStamp(text string) (time.Time, string) {
	s := text
	bracket := strings.HasPrefix(s, "[")
	if bracket {
		s = s[1:]
	}
	if s == "" || !digit(s[0]) && (s[0] < 'A' || s[0] > 'Z') {
		return time.Time{}, text
	}
	for _, form := range stampForms {
		found := form.re.FindString(s)
		if found == "" {
			continue
		}
		rest := s[len(found):]
		if bracket {
			if !strings.HasPrefix(rest, "]") {
				return time.Time{}, text
			}
			rest = rest[1:]
		} else if rest != "" && (digit(rest[0]) || rest[0] == '-') {
			return time.Time{}, text
		}
		return parseStamp(found, form.layouts), rest
	}
	return time.Time{}, text
}

// parseStamp tries the layouts in turn. A stamp that is damaged (a digit lost
// in copying) is still a stamp, but tells no time.
func parseStamp(found string, layouts []string) time.Time {
	if t := strings.IndexByte(found, 'T'); t != 10 && t >= 0 {
		// The T of a month or a zone name is not the one between date and time.
		found = strings.NewReplacer(",", ".", "/", "-").Replace(found)
	} else {
		found = normalStamp.Replace(found)
	}
	for _, layout := range layouts {
		if t, err := time.Parse(layout, found); err == nil {
			return t
		}
	}
	if i := strings.LastIndexByte(found, ' '); i > 0 {
		// A zone given by name ("Europe/Berlin") says nothing about differences.
		for _, layout := range layouts {
			if t, err := time.Parse(layout, found[:i]); err == nil {
				return t
			}
		}
	}
	return time.Time{}
}
