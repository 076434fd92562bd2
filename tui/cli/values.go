package cli

import (
	"encoding/csv"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"
)

// Values of flags are checked as they are set, so that what is wrong is said
// before anything starts, whether or not this run uses it.

// valuesOf are the values that a flag may have, nil where there are too many.
func valuesOf(v pflag.Value) []string {
	if few, ok := v.(interface{ Values() []string }); ok {
		return few.Values()
	}
	return nil
}

// A choice is one of few values.
type choice struct {
	to     *string
	values []string
}

func oneOf(to *string, initial string, values ...string) *choice {
	*to = initial
	return &choice{to, values}
}

func (c *choice) String() string   { return *c.to }
func (c *choice) Type() string     { return "choice" }
func (c *choice) Values() []string { return c.values }

func (c *choice) Set(s string) error {
	if !slices.Contains(c.values, s) {
		return validValues(c.values...)
	}
	*c.to = s
	return nil
}

// A word is a text that must pass a check.
type word struct {
	to    *string
	check func(string) error
}

func checked(to *string, initial string, check func(string) error) *word {
	*to = initial
	return &word{to, check}
}

func (w *word) String() string { return *w.to }
func (w *word) Type() string   { return "text" }

func (w *word) Set(s string) error {
	if err := w.check(s); err != nil {
		return err
	}
	*w.to = s
	return nil
}

// A series is texts that must pass a check each; the flag is given once for each,
// or, where comma is set, with several at a time.
type series struct {
	to     *[]string
	check  func(string) error
	values []string
	comma  bool
	given  bool
}

func each(to *[]string, initial []string, check func(string) error) *series {
	*to = initial
	return &series{to: to, check: check}
}

// someOf are any of few values, separated by commas.
func someOf(to *[]string, values ...string) *series {
	one := choice{new(string), values}
	return &series{to: to, check: func(s string) error { return one.Set(strings.TrimSpace(s)) }, values: values, comma: true}
}

func (s *series) String() string   { return strings.Join(*s.to, ",") }
func (s *series) Type() string     { return "texts" }
func (s *series) Values() []string { return s.values }

func (s *series) Set(text string) error {
	all := []string{text}
	if s.comma {
		var err error
		if all, err = csv.NewReader(strings.NewReader(text)).Read(); err != nil {
			return validValues(s.values...)
		}
	}
	for _, one := range all {
		if err := s.check(one); err != nil {
			return err
		}
	}
	if !s.given { // what was there is the default
		*s.to, s.given = nil, true
	}
	*s.to = append(*s.to, all...)
	return nil
}

// A number is a whole number between two others.
type number struct {
	to          *int
	least, most int
}

func between(to *int, initial, least, most int) *number {
	*to = initial
	return &number{to, least, most}
}

// atLeast is a number without an upper bound.
func atLeast(to *int, initial, least int) *number { return between(to, initial, least, math.MaxInt32) }

func (n *number) String() string { return strconv.Itoa(*n.to) }
func (n *number) Type() string   { return "int" }

func (n *number) Set(s string) error {
	v, err := strconv.Atoi(s)
	if err != nil || v < n.least || v > n.most {
		most := ""
		if n.most < math.MaxInt32 {
			most = strconv.Itoa(n.most)
		}
		return failed("not-a-number", "least", strconv.Itoa(n.least), "most", most)
	}
	*n.to = v
	return nil
}

// A period is a duration that is not shorter than another.
type period struct {
	to    *time.Duration
	least time.Duration
}

func lasting(to *time.Duration, initial, least time.Duration) *period {
	*to = initial
	return &period{to, least}
}

func (p *period) String() string {
	if s, whole := strings.CutSuffix(p.to.String(), "m0s"); whole {
		return s + "m" // 15m, not 15m0s
	}
	return p.to.String()
}

func (p *period) Type() string { return "duration" }

func (p *period) Set(s string) error {
	d, err := time.ParseDuration(s)
	switch {
	case err != nil:
		return failed("not-a-duration")
	case d < p.least:
		return failed("too-short", "least", p.least.String())
	}
	*p.to = d
	return nil
}

// A pace is how many times faster than it was something goes on; 0 is without any
// waits.
type pace float64

func (p *pace) String() string {
	if *p == 0 {
		return "max"
	}
	return strconv.FormatFloat(float64(*p), 'g', -1, 64) + "x"
}

func (p *pace) Type() string { return "pace" }

func (p *pace) Set(s string) error {
	if s == "max" {
		s = "0"
	}
	f, err := strconv.ParseFloat(strings.TrimSuffix(s, "x"), 64)
	if err != nil || !(f == 0 || f >= 0.001 && f <= 1e6) {
		return failed("not-a-pace")
	}
	*p = pace(f)
	return nil
}

// An age is a duration that may be given in days or weeks: 90m, 2h, 7d, 4w.
type age time.Duration

func (a *age) String() string {
	if *a == 0 {
		return ""
	}
	return time.Duration(*a).String()
}

func (a *age) duration() time.Duration { return time.Duration(*a) }

func (a *age) Type() string { return "age" }

func (a *age) Set(s string) error {
	d, err := time.ParseDuration(s)
	for suffix, unit := range map[string]time.Duration{"d": 24 * time.Hour, "w": 7 * 24 * time.Hour} {
		if n, found := strings.CutSuffix(s, suffix); found {
			var f float64
			if f, err = strconv.ParseFloat(n, 64); err == nil && !(f*float64(unit) <= math.MaxInt64) {
				err = strconv.ErrRange
			}
			d = time.Duration(f * float64(unit))
		}
	}
	if err != nil || d < 0 {
		return failed("not-an-age")
	}
	*a = age(d)
	return nil
}
