package export

import (
	"fmt"
	"io"

	"smtptap/decode"
)

// EML writes the n-th message of the session, from 0, exactly as the client
// meant it: dot-stuffing undone, nothing else changed.
func EML(w io.Writer, t *decode.Transcript, n int) error {
	messages := t.Messages()
	if n < 0 || n >= len(messages) {
		return fmt.Errorf("no message %d: the session has %d", n+1, len(messages))
	}
	if _, err := io.Copy(w, t.Open(&messages[n])); err != nil {
		return fmt.Errorf("message %d: %w", n+1, err)
	}
	return nil
}
