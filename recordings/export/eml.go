package export

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"smtptap/decode"
	"smtptap/decode/lang"
	"smtptap/recordings/redact"
)

// EML writes the n-th message of the session, from 0, exactly as the client
// meant it: dot-stuffing undone, nothing else changed.
func EML(w io.Writer, t *decode.Transcript, n int) error {
	messages := t.Messages()
	if n < 0 || n >= len(messages) {
		return words.Error("no-message", "n", n+1, "count", len(messages))
	}
	if _, err := io.Copy(w, t.Open(&messages[n])); err != nil {
		return fmt.Errorf("message %d: %w", n+1, err)
	}
	return nil
}

// Files writes the session as Write does, but each message into a file of its own
// where the format is eml: mail.eml, mail-2.eml. create makes a file and has it
// written.
func Files(t *decode.Transcript, format, path string, l lang.Lang, secrets []string, create func(path string, write func(io.Writer) error) error) error {
	if format != "eml" {
		return create(path, func(w io.Writer) error { return Write(w, t, format, l, secrets) })
	}
	for i := range t.Messages() {
		name := path
		if i > 0 {
			ext := filepath.Ext(path)
			name = fmt.Sprintf("%s-%d%s", strings.TrimSuffix(path, ext), i+1, ext)
		}
		err := create(name, func(w io.Writer) error {
			guard := redact.Guard(w, secrets, t.Withheld...)
			if err := EML(guard, t, i); err != nil {
				return err
			}
			return guard.Close()
		})
		if err != nil {
			return err
		}
	}
	return nil
}
