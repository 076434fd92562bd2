package panes

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

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
	secrets := redact.Secrets(t)
	if !levels.Addresses {
		levels.KeepDomains = false
	}
	if levels != (redact.Levels{}) || t.SecretsKept {
		if t, err = redact.Apply(t, levels); err != nil {
			return nil, nil, err
		}
	}
	return t, secrets, nil
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
	if j.format != "eml" {
		n, err := create(j.theme, j.path, func(w io.Writer) error { return export.Write(w, t, j.format, j.theme.Lang, secrets) })
		return j.theme.Say("written", "size", units.Bytes(n)), err
	}
	messages := len(t.Messages())
	if messages == 0 {
		return "", errors.New(j.theme.Say("copy-no-message"))
	}
	var total int64
	for i := range messages {
		n, err := create(j.theme, numbered(j.path, i), func(w io.Writer) error {
			guard := redact.Guard(w, secrets, t.Withheld...)
			if err := export.EML(guard, t, i); err != nil {
				return err
			}
			return guard.Close()
		})
		if err != nil {
			return "", err
		}
		total += n
	}
	if messages == 1 {
		return j.theme.Say("written", "size", units.Bytes(total)), nil
	}
	return j.theme.Say("written-many", "n", strconv.Itoa(messages), "size", units.Bytes(total), "file", filepath.Base(numbered(j.path, messages-1))), nil
}

// numbered is the name of the i-th of several files: mail.eml, mail-2.eml.
func numbered(path string, i int) string {
	if i == 0 {
		return path
	}
	ext := filepath.Ext(path)
	return fmt.Sprintf("%s-%d%s", strings.TrimSuffix(path, ext), i+1, ext)
}

// create writes a new file, or none: what could not be finished is taken away
// again. It overwrites nothing.
func create(t *draw.Theme, path string, write func(io.Writer) error) (int64, error) {
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
