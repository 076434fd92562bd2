package cli

import (
	"io"
	"sync/atomic"

	"github.com/rs/zerolog"
)

// logLines is how many lines of the log may wait to be written.
const logLines = 4096

// A patientWriter writes lines in the background, so that a log that nobody reads
// holds up no session. Lines that find no room are dropped, and their number is
// logged once there is room.
type patientWriter struct {
	to      io.Writer
	lines   chan []byte
	dropped atomic.Int64
	done    chan struct{}
}

func newPatient(to io.Writer) *patientWriter {
	w := &patientWriter{to: to, lines: make(chan []byte, logLines), done: make(chan struct{})}
	go w.run()
	return w
}

// Write implements io.Writer. It never blocks and never fails.
func (w *patientWriter) Write(line []byte) (int, error) {
	select {
	case w.lines <- append([]byte(nil), line...):
	default:
		w.dropped.Add(1)
	}
	return len(line), nil
}

func (w *patientWriter) run() {
	defer close(w.done)
	for line := range w.lines {
		if line == nil {
			return
		}
		w.to.Write(line) // there is nowhere to tell that the log can't be written
		if n := w.dropped.Swap(0); n > 0 {
			log := zerolog.New(w.to)
			log.Warn().Timestamp().Int64("lines", n).Msg("lines of the log are missing: it was not read fast enough")
		}
	}
}

// close waits until everything is written. What is written to w afterwards is
// dropped.
func (w *patientWriter) close() {
	w.lines <- nil
	<-w.done
}
