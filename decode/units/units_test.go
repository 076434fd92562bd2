package units

import (
	"testing"
	"time"
)

func TestBytes(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0 B", 999: "999 B", 1000: "1.0 kB", 9949: "9.9 kB", 9950: "10 kB", 411_900: "412 kB",
		999_499: "999 kB", 999_500: "1.0 MB", 24_000_000: "24.0 MB", 99_960_000: "100 MB",
		1 << 40: "1.1 TB", 1<<63 - 1: "9.2 EB",
	} {
		if got := Bytes(n); got != want {
			t.Errorf("Bytes(%d) = %q, want %q", n, got, want)
		}
		if len(Bytes(n)) > 7 {
			t.Errorf("Bytes(%d) is wider than seven columns", n)
		}
	}
	if got := Exactly(10485760); got != "10.5 MB (10485760 B)" {
		t.Error(got)
	}
	if got := Exactly(896); got != "896 B" {
		t.Error(got)
	}
}

func TestTime(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0:                             "0 ms",
		time.Microsecond:              "<0.1 ms",
		400 * time.Microsecond:        "0.4 ms",
		9940 * time.Microsecond:       "9.9 ms",
		9960 * time.Microsecond:       "10 ms",
		12 * time.Millisecond:         "12 ms",
		999_400 * time.Microsecond:    "999 ms",
		999_600 * time.Microsecond:    "1.0 s",
		4 * time.Second:               "4.0 s",
		59_940 * time.Millisecond:     "59.9 s",
		59_960 * time.Millisecond:     "1 min 0 s",
		125 * time.Second:             "2 min 5 s",
		3599_600 * time.Millisecond:   "1 h 0 min",
		3*time.Hour + 20*time.Minute:  "3 h 20 min",
		24*time.Hour - 10*time.Second: "1 d 0 h",
		98 * time.Hour:                "4 d 2 h",
		-125 * time.Second:            "-2 min 5 s",
	} {
		if got := Time(d); got != want {
			t.Errorf("Time(%d) = %q, want %q", d, got, want)
		}
	}
	for d, want := range map[time.Duration]string{0: "0 ms", time.Microsecond: "<0.1 ms", 4 * time.Second: "4.0 s", 125 * time.Second: "2 min", 98 * time.Hour: "4 d"} {
		if got := Roughly(d); got != want {
			t.Errorf("Roughly(%d) = %q, want %q", d, got, want)
		}
	}
	if got := Clock(83400 * time.Millisecond); got != "83.400" {
		t.Error(got)
	}
}
