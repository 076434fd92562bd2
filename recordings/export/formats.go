package export

import (
	"io"

	"smtptap/decode"
	"smtptap/decode/lang"
	"smtptap/decode/visible"
	"smtptap/recordings/redact"
)

// formats are the forms in which a session can be handed on.
var formats = []struct {
	name  string
	ext   string
	write func(w io.Writer, t *decode.Transcript, l lang.Lang) error
}{
	{"text", ".txt", func(w io.Writer, t *decode.Transcript, l lang.Lang) error { return Text(w, t, TextOptions{Lang: l}) }},
	{"phpmailer", ".log", func(w io.Writer, t *decode.Transcript, _ lang.Lang) error { return PHPMailer(w, t) }},
	{"markdown", ".md", Markdown},
	{"html", ".html", HTML},
	{"json", ".json", JSON},
	{"eml", ".eml", func(w io.Writer, t *decode.Transcript, _ lang.Lang) error { return EML(w, t, 0) }},
	{"pcapng", ".pcapng", PCAPNG},
}

// Formats are their names.
func Formats() []string {
	var names []string
	for _, f := range formats {
		names = append(names, f.name)
	}
	return names
}

// CheckFormat says whether there is a format of that name.
func CheckFormat(name string) error {
	for _, f := range formats {
		if f.name == name {
			return nil
		}
	}
	if name == "" {
		return words.Error("needs-format", "values", Formats())
	}
	return words.Error("no-format", "name", visible.Text(name), "values", Formats())
}

// Extension is how names of files of that format end, with the dot.
func Extension(name string) string {
	for _, f := range formats {
		if f.name == name {
			return f.ext
		}
	}
	return ""
}

// Holds counts what an export of the session in that format holds.
func Holds(t *decode.Transcript, format string, l lang.Lang) (redact.Contents, error) {
	c := redact.Count(t)
	addresses := redact.NewCounter(t)
	for _, f := range formats {
		if f.name != format {
			continue
		}
		if format != "eml" {
			if err := f.write(addresses, t, l); err != nil {
				return c, err
			}
			continue
		}
		for n := range t.Messages() {
			if err := EML(addresses, t, n); err != nil {
				return c, err
			}
		}
	}
	err := addresses.Close()
	c.Addresses = addresses.Addresses()
	return c, err
}

// Write writes the session in that format, what smtptap says of it in that
// language. It refuses to write a password that
// the recording holds; hand it what redact.Apply returned, and the secrets of
// the original.
func Write(w io.Writer, t *decode.Transcript, format string, l lang.Lang, secrets []string) error {
	for _, f := range formats {
		if f.name != format {
			continue
		}
		if err := redact.Search(t, secrets); err != nil {
			return err
		}
		guard := redact.Guard(w, secrets, t.Withheld...)
		if err := f.write(guard, t, l); err != nil {
			return err
		}
		return guard.Close()
	}
	return CheckFormat(format)
}
