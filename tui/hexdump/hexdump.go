// Package hexdump writes bytes in hexadecimal, sixteen to a line.
package hexdump

import (
	"fmt"
	"strings"
)

// PerLine is how many bytes a line shows.
const PerLine = 16

// Lines dumps b. offset is where it stands in what it is part of.
func Lines(b []byte, offset int64) []string {
	var lines []string
	for len(b) > 0 {
		n := min(len(b), PerLine)
		lines = append(lines, Line(b[:n], offset))
		b, offset = b[n:], offset+int64(n)
	}
	return lines
}

// Line dumps up to sixteen bytes.
func Line(b []byte, offset int64) string {
	var hex, text strings.Builder
	for i := range PerLine {
		if i == PerLine/2 {
			hex.WriteByte(' ')
		}
		if i >= len(b) {
			hex.WriteString("   ")
			continue
		}
		fmt.Fprintf(&hex, "%02x ", b[i])
		if b[i] >= ' ' && b[i] <= '~' {
			text.WriteByte(b[i])
		} else {
			text.WriteByte('.')
		}
	}
	return fmt.Sprintf("%06x  %s %s", offset, hex.String(), text.String())
}
