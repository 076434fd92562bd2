package cli

import (
	"bytes"
	"io"
	"strings"
	"testing"
)

// gatedWriter takes nothing until it is opened.
type gatedWriter struct {
	opened chan struct{}
	bytes.Buffer
}

func (w *gatedWriter) Write(p []byte) (int, error) {
	<-w.opened
	return w.Buffer.Write(p)
}

// A log that nobody reads blocks nobody; what was dropped is counted.
func TestPatientWriter(t *testing.T) {
	to := &gatedWriter{opened: make(chan struct{})}
	w := newPatient(to)
	for range logLines + 100 {
		io.WriteString(w, "a line\n")
	}
	close(to.opened)
	w.close()
	io.WriteString(w, "too late\n")
	got := to.String()
	if n := strings.Count(got, "a line\n"); n < logLines {
		t.Errorf("%d lines were written, want at least the %d that wait", n, logLines)
	}
	if !strings.Contains(got, "lines of the log are missing") || strings.Contains(got, "too late") {
		t.Errorf("it ends with %q", got[len(got)-200:])
	}
}
