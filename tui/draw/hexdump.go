package draw

import (
	"fmt"
	"strings"
)

// HexBytes is how many bytes a line shows.
const HexBytes = 16

// HexLines dumps b. offset is where it stands in what it is part of.
func HexLines(b []byte, offset int64) []string {
	var lines []string
	for len(b) > 0 {
		n := min(len(b), HexBytes)
		lines = append(lines, HexLine(b[:n], offset))
		b, offset = b[n:], offset+int64(n)
	}
	return lines
}

// HexLine dumps up to sixteen bytes.
func HexLine(b []byte, offset int64) string {
	var hex, text strings.Builder
	for i := range HexBytes {
		if i == HexBytes/2 {
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
