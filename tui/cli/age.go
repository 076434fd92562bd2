package cli

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

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
	units := map[string]time.Duration{"d": 24 * time.Hour, "w": 7 * 24 * time.Hour}
	for suffix, unit := range units {
		if number, found := strings.CutSuffix(s, suffix); found {
			n, err := strconv.ParseFloat(number, 64)
			if err != nil || n < 0 {
				return fmt.Errorf("%q is not a valid age (example: 2h, 7d, 4w)", s)
			}
			*a = age(n * float64(unit))
			return nil
		}
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 {
		return fmt.Errorf("%q is not a valid age (example: 2h, 7d, 4w)", s)
	}
	*a = age(d)
	return nil
}
