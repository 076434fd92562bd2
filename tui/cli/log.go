package cli

import (
	"io"
	"os"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"
)

// logFlags are -v, -q and --log-file.
type logFlags struct {
	verbose, quiet bool
	file           string
}

func (f *logFlags) flags(cmd *cobra.Command) {
	cmd.Flags().BoolVarP(&f.verbose, "verbose", "v", false, "")
	cmd.Flags().BoolVarP(&f.quiet, "quiet", "q", false, "")
	cmd.Flags().StringVar(&f.file, "log-file", "", "")
}

// open makes the log: for people on a terminal, as JSON elsewhere. With a
// screen only a file can take it.
func (f *logFlags) open(s Streams, screen bool) (zerolog.Logger, func(), error) {
	level := zerolog.InfoLevel
	switch {
	case f.verbose:
		level = zerolog.DebugLevel
	case f.quiet:
		level = zerolog.ErrorLevel
	}
	var w io.Writer = s.Err
	done := func() {}
	switch {
	case f.file != "":
		file, err := os.OpenFile(f.file, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
		if err != nil {
			return zerolog.Nop(), nil, err
		}
		w, done = file, func() { file.Close() }
	case screen:
		w = io.Discard
	case isTerminal(s.Err):
		w = zerolog.ConsoleWriter{Out: s.Err, TimeFormat: time.TimeOnly, NoColor: os.Getenv("NO_COLOR") != ""}
	}
	patient := newPatient(w)
	closeLog := func() {
		within(lastWords, patient.close)
		done()
	}
	return zerolog.New(patient).Level(level).With().Timestamp().Logger(), closeLog, nil
}
