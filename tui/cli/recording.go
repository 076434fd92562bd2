package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"smtptap/decode"
	"smtptap/recordings"
	"smtptap/recordings/store"
	"smtptap/recordings/transcript"
)

// recordFlag adds -w, --record DIR.
func recordFlag(cmd *cobra.Command, dir *string) {
	cmd.Flags().StringVarP(dir, "record", "w", "", "")
}

// folder is the folder of recordings that was named, or the usual one.
func folder(dir string) (string, error) {
	if store.Is(dir) {
		return "", wrong("store-not-here", "place", shown(dir))
	}
	if dir != "" {
		return dir, nil
	}
	return recordings.DefaultFolder()
}

// folderToRead is the folder of recordings that was named, which must be there,
// or the usual one, in which there may be none yet.
func folderToRead(dir string) (string, error) {
	if store.Is(dir) {
		return copies(dir, nil)
	}
	switch info, err := os.Stat(dir); {
	case dir == "":
	case dir == "none":
		return "", wrong("none-to-read")
	case errors.Is(err, os.ErrNotExist):
		return "", failed("no-folder", "folder", shown(dir))
	case err != nil:
		return "", err
	case !info.IsDir():
		return "", failed("not-a-folder", "folder", shown(dir))
	}
	return folder(dir)
}

// recordingsIn are the recordings of the folder that was named, or of the usual
// one, which is dir then.
func recordingsIn(named string) (found []recordings.Info, dir string, err error) {
	if dir, err = folderToRead(named); err == nil {
		found, err = recordings.List(dir)
	}
	return found, dir, err
}

// find turns what was typed into the path of a recording.
func find(dir, ref string) (string, error) {
	if strings.ContainsRune(ref, filepath.Separator) {
		return recordings.Find(dir, ref)
	}
	var err error
	if store.Is(dir) {
		dir, err = copies(dir, &ref)
	} else {
		dir, err = folderToRead(dir)
	}
	if err != nil {
		return "", err
	}
	return recordings.Find(dir, ref)
}

// load reads the recording that ref means. What of it is damaged is told on
// the error stream, and what can be read is returned.
func (p *Program) load(dir, ref string) (*decode.Transcript, error) {
	path, err := find(dir, ref)
	if err != nil {
		return nil, err
	}
	t, damage, err := transcript.Load(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if damage != nil {
		p.note("damaged", "what", path+": "+p.oneLine(damage))
	}
	return t, nil
}

// refArg is the recording named on the command line, the latest by default.
func refArg(args []string) string {
	if len(args) == 0 {
		return "latest"
	}
	return args[0]
}

// create opens a file for output: "-" or "" is the standard output. An
// existing file is left alone unless force is set.
func (p *Program) create(path string, force bool) (f *os.File, done func(error) error, err error) {
	if path == "" || path == "-" {
		return p.streams.Out, func(err error) error { return err }, nil
	}
	flags := os.O_WRONLY | os.O_CREATE | os.O_EXCL
	if force {
		flags = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	}
	f, err = os.OpenFile(path, flags, 0o600)
	if errors.Is(err, os.ErrExist) {
		return nil, nil, failed("exists", "file", shown(path))
	}
	if err != nil {
		return nil, nil, err
	}
	return f, func(err error) error { return errors.Join(err, f.Close()) }, nil
}
