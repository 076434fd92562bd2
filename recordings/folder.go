package recordings

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// A Folder is where recordings are written. Nobody but its owner may look
// into it, because mail does not belong to everybody on the machine.
type Folder struct {
	dir  string
	root *os.Root
}

// DefaultFolder is the folder that is used when none is named: smtptap/recordings
// in the user's state folder ($XDG_STATE_HOME, or ~/.local/state).
func DefaultFolder() (string, error) {
	state := os.Getenv("XDG_STATE_HOME")
	if !filepath.IsAbs(state) {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", fmt.Errorf("find the user's state folder for recordings: %w; name a folder with --record", err)
		}
		state = filepath.Join(home, ".local", "state")
	}
	return filepath.Join(state, "smtptap", "recordings"), nil
}

// OpenFolder makes the folder if need be, with its parents, and checks that it
// is safe to write mail into: a real directory of this user that nobody else
// may enter. The error names the reason and a way out, in one line.
func OpenFolder(dir string) (*Folder, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("recordings folder %q: %w", dir, err)
	}
	if err := os.MkdirAll(abs, 0o700); err != nil {
		return nil, fmt.Errorf("recordings folder: %w", plain(err))
	}
	info, err := os.Lstat(abs)
	if err != nil {
		return nil, fmt.Errorf("recordings folder: %w", plain(err))
	}
	if err := checkFolder(abs, info); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(abs)
	if err != nil {
		return nil, fmt.Errorf("recordings folder: %w", plain(err))
	}
	return checkRoot(abs, root, info)
}

// checkRoot looks again at what was opened: the folder may have been exchanged
// since it was checked.
func checkRoot(dir string, root *os.Root, checked fs.FileInfo) (*Folder, error) {
	opened, err := root.Stat(".")
	if err == nil && !os.SameFile(opened, checked) {
		err = errors.New("was exchanged while it was being opened")
	}
	if err == nil {
		err = probe(root)
	}
	if err != nil {
		root.Close()
		return nil, fmt.Errorf("recordings folder %q: %w", dir, plain(err))
	}
	return &Folder{dir: dir, root: root}, nil
}

func checkFolder(dir string, info fs.FileInfo) error {
	switch {
	case info.Mode()&fs.ModeSymlink != 0:
		return fmt.Errorf("recordings folder %q is a symbolic link: name the folder that it leads to", dir)
	case !info.IsDir():
		return fmt.Errorf("recordings folder %q is not a directory: name another", dir)
	case !owned(info):
		return fmt.Errorf("recordings folder %q belongs to another user: name another", dir)
	case !private(info):
		return fmt.Errorf("recordings folder %q is open to other users (mode %04o): run chmod 700 on it, or name another", dir, info.Mode().Perm())
	}
	return nil
}

// probe finds out whether files can be made in the folder, before a session
// depends on it.
func probe(root *os.Root) error {
	name := ".probe-" + NewID(time.Now())
	f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), root.Remove(name))
}

// plain drops the name of the system call, which helps nobody.
func plain(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return fmt.Errorf("%q: %w", path.Path, path.Err)
	}
	return err
}

// Close gives the folder back to the system. Files made in it stay open.
func (f *Folder) Close() error { return f.root.Close() }

// Dir is the folder's absolute path.
func (f *Folder) Dir() string { return f.dir }

// Path is where the recording of that id is, or will be.
func (f *Folder) Path(id string) string { return filepath.Join(f.dir, id+Ext) }

// Create makes the file of a new recording, open for appending and for nobody
// else to read. It never touches a file that exists.
func (f *Folder) Create(id string) (*os.File, error) {
	return f.open(id, os.O_CREATE|os.O_EXCL)
}

// Append opens the file of a recording that Create made, to go on with it.
func (f *Folder) Append(id string) (*os.File, error) { return f.open(id, 0) }

func (f *Folder) open(id string, flags int) (*os.File, error) {
	if _, ok := parseID(id); !ok {
		return nil, fmt.Errorf("%q is no id of a recording", id)
	}
	file, err := f.root.OpenFile(id+Ext, os.O_WRONLY|os.O_APPEND|flags, 0o600)
	if err != nil {
		return nil, fmt.Errorf("recording: %w", plain(err))
	}
	return file, nil
}

// Remove deletes the recording of that id.
func (f *Folder) Remove(id string) error {
	if _, ok := parseID(id); !ok {
		return fmt.Errorf("%q is no id of a recording", id)
	}
	if err := f.root.Remove(id + Ext); err != nil {
		return fmt.Errorf("recording: %w", plain(err))
	}
	return nil
}
