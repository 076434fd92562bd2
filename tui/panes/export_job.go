package panes

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"smtptap/decode"
	"smtptap/decode/units"
	"smtptap/recordings/export"
	"smtptap/recordings/redact"
	"smtptap/tui/draw"
)

// An exportJob is one export.
type exportJob struct {
	open   func() (*decode.Transcript, error)
	levels redact.Levels
	format string
	theme  *draw.Theme // whose words it uses
	path   string
}

// redacted reads the session and leaves out what is to be left out, and tells
// its secrets, which must not be in any file.
func redacted(open func() (*decode.Transcript, error), levels redact.Levels) (*decode.Transcript, []string, error) {
	t, err := open()
	if err != nil {
		return nil, nil, err
	}
	without, err := redact.Needed(t, levels)
	return without, redact.Secrets(t), err
}

// run writes the files and says what was written.
func (j exportJob) run() (string, error) {
	if j.path == "" {
		return "", errors.New(j.theme.Say("export-no-name"))
	}
	t, secrets, err := redacted(j.open, j.levels)
	if err != nil {
		return "", err
	}
	var files int
	var total int64
	var last string
	err = export.Files(t, j.format, j.path, j.theme.Lang, secrets, func(path string, write func(io.Writer) error) error {
		n, err := Create(j.theme, path, write)
		files, total, last = files+1, total+n, filepath.Base(path)
		return err
	})
	switch size := units.Bytes(total); {
	case err != nil:
		return "", err
	case files == 0:
		return "", errors.New(j.theme.Say("copy-no-message"))
	case files == 1:
		return j.theme.Say("written", "size", size), nil
	default:
		return j.theme.Say("written-many", "n", strconv.Itoa(files), "size", size, "file", last), nil
	}
}

// Create writes a new file, or none: what could not be finished is taken away
// again. It overwrites nothing.
func Create(t *draw.Theme, path string, write func(io.Writer) error) (int64, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, os.ErrExist) {
		return 0, errors.New(t.Say("file-exists", "file", path))
	}
	if err != nil {
		return 0, err
	}
	err = write(f)
	n, _ := f.Seek(0, io.SeekCurrent)
	if err = errors.Join(err, f.Close()); err != nil {
		os.Remove(path)
		return 0, err
	}
	return n, nil
}
