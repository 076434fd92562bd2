package export

import (
	"github.com/muesli/termenv"

	"smtptap/decode/findings"
)

// paint are the styles of the text form: the sixteen ANSI colours, which
// follow the terminal's theme.
type paint struct {
	plain, dim, server, warn, bad, good termenv.Style
}

func newPaint(color bool) paint {
	profile := termenv.Ascii
	if color {
		profile = termenv.ANSI
	}
	s := func() termenv.Style { return profile.String() }
	return paint{
		plain:  s(),
		dim:    s().Faint(),
		server: s().Foreground(profile.Color("6")),
		warn:   s().Foreground(profile.Color("3")),
		bad:    s().Foreground(profile.Color("1")).Bold(),
		good:   s().Foreground(profile.Color("2")).Bold(),
	}
}

// severity is the style of a finding's weight.
func (p paint) severity(s findings.Severity) termenv.Style {
	switch s {
	case findings.Failure:
		return p.bad
	case findings.Warning:
		return p.warn
	case findings.Success:
		return p.good
	}
	return p.plain
}
