// Package units writes sizes and times for people, the same way everywhere:
// powers of 1000, and a unit on every number.
package units

import (
	"strconv"
	"strings"
	"time"
)

// Bytes writes a size in at most seven columns: "896 B", "412 kB", "24.0 MB".
func Bytes(n int64) string {
	if n < 1000 {
		return strconv.FormatInt(n, 10) + " B"
	}
	v, unit := float64(n), ""
	for _, unit = range []string{"kB", "MB", "GB", "TB", "PB", "EB"} {
		if v /= 1000; v < 999.5 {
			break
		}
	}
	if v < 99.95 && unit != "kB" || v < 9.95 {
		return strconv.FormatFloat(v, 'f', 1, 64) + " " + unit
	}
	return strconv.FormatFloat(v, 'f', 0, 64) + " " + unit
}

// Exactly is a size for people with the number of bytes that a program needs:
// "10.5 MB (10485760 B)".
func Exactly(n int64) string {
	if n < 1000 {
		return Bytes(n)
	}
	return Bytes(n) + " (" + strconv.FormatInt(n, 10) + " B)"
}

// Time writes a duration in the two largest units that matter: "0.4 ms",
// "12 ms", "4.0 s", "2 min 5 s", "3 h 20 min", "4 d 2 h".
func Time(d time.Duration) string {
	switch {
	case d < 0:
		return "-" + Time(-d)
	case d == 0:
		return "0 ms"
	case d < 50*time.Microsecond:
		return "<0.1 ms"
	case d < 9950*time.Microsecond:
		return decimal(d, time.Millisecond) + " ms"
	case d < time.Second-time.Millisecond/2:
		return strconv.FormatInt(d.Round(time.Millisecond).Milliseconds(), 10) + " ms"
	case d < time.Minute-time.Second/20:
		return decimal(d, time.Second) + " s"
	case d < time.Hour-time.Second/2:
		return two(d, time.Minute, " min ", time.Second, " s")
	case d < 24*time.Hour-time.Minute/2:
		return two(d, time.Hour, " h ", time.Minute, " min")
	}
	return two(d, 24*time.Hour, " d ", time.Hour, " h")
}

// Roughly is a duration in its largest unit, in at most seven columns: "12 ms",
// "4.0 s", "2 min".
func Roughly(d time.Duration) string {
	words := strings.Fields(Time(d))
	return strings.Join(words[:min(2, len(words))], " ")
}

func decimal(d, unit time.Duration) string {
	return strconv.FormatFloat(float64(d)/float64(unit), 'f', 1, 64)
}

func two(d, large time.Duration, name string, small time.Duration, other string) string {
	d = d.Round(small)
	return strconv.Itoa(int(d/large)) + name + strconv.Itoa(int(d%large/small)) + other
}

// Clock is a time within a session, in seconds without the unit, for columns
// whose heading names it: "0.012", "83.400".
func Clock(d time.Duration) string {
	return strconv.FormatFloat(d.Seconds(), 'f', 3, 64)
}
