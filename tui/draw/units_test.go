package draw_test

import (
	"testing"
	"time"

	"smtptap/tui/draw"
)

func TestBytes(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0 B", 999: "999 B", 1000: "1.0 kB", 1234: "1.2 kB", 9960: "10 kB", 999_499: "999 kB",
		999_500: "1.0 MB", 1_500_000: "1.5 MB", 250_000_000: "250 MB", 1<<63 - 1: "9.2 EB",
	} {
		if got := draw.Size(n); got != want || len(got) > 7 {
			t.Errorf("Bytes(%d) = %q, want %q", n, got, want)
		}
	}
}

func TestTime(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0 ms", -time.Second: "0 ms", 400 * time.Microsecond: "0 ms", 43 * time.Millisecond: "43 ms",
		999_600 * time.Microsecond: "1.0 s", 1400 * time.Millisecond: "1.4 s", 12_400 * time.Millisecond: "12 s",
		59_700 * time.Millisecond: "1m 00s", 125 * time.Second: "2m 05s", 59 * time.Minute: "59m 00s",
		time.Hour + 4*time.Minute: "1h 04m", 99 * time.Hour: "99h 00m", 240 * time.Hour: "10 days",
	} {
		if got := draw.Duration(d); got != want || len(got) > 7 {
			t.Errorf("Time(%v) = %q, want %q", d, got, want)
		}
	}
}

func TestClock(t *testing.T) {
	if got := draw.Clock(83_400 * time.Millisecond); got != "83.400" {
		t.Errorf("Clock = %q", got)
	}
}
