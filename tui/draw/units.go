package draw

import (
	"strconv"
	"time"
)

// Size is a size in powers of 1000, in at most 7 columns: "812 B", "1.5 MB".
func Size(n int64) string {
	if n < 1000 {
		return strconv.FormatInt(n, 10) + " B"
	}
	v, unit := float64(n), ""
	for _, unit = range []string{"kB", "MB", "GB", "TB", "PB", "EB"} {
		if v /= 1000; v < 999.5 {
			break
		}
	}
	return short(v) + " " + unit
}

// Duration is a duration in at most 7 columns: "0 ms", "43 ms", "1.4 s", "2 m 05 s".
func Duration(d time.Duration) string {
	switch {
	case d < time.Second-time.Millisecond/2:
		return strconv.FormatInt(max(d.Round(time.Millisecond).Milliseconds(), 0), 10) + " ms"
	case d < time.Minute-time.Second/2:
		return short(d.Seconds()) + " s"
	case d < time.Hour:
		d = d.Round(time.Second)
		return strconv.Itoa(int(d.Minutes())) + "m " + two(int(d.Seconds())%60) + "s"
	case d < 100*time.Hour:
		return strconv.Itoa(int(d.Hours())) + "h " + two(int(d.Minutes())%60) + "m"
	}
	return strconv.Itoa(int(d.Hours()/24)) + " days"
}

// Clock is a time within a session, in seconds: "0.012", "83.400".
func Clock(d time.Duration) string {
	return strconv.FormatFloat(d.Seconds(), 'f', 3, 64)
}

// short has one decimal below ten.
func short(v float64) string {
	if v < 9.95 {
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return strconv.FormatFloat(v, 'f', 0, 64)
}

func two(n int) string {
	if n < 10 {
		return "0" + strconv.Itoa(n)
	}
	return strconv.Itoa(n)
}
