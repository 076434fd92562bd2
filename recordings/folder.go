package recordings

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"smtptap/decode/lang"
	"smtptap/decode/visible"
	"sync"
	"time"
)

// A Folder is where recordings are written. Nobody but its owner may write into
// it, and smtptap makes it so that nobody else may look into it either, because
// mail does not belong to everybody on the machine. All methods may be called
// from any goroutine.
type Folder struct {
	dir    string
	advice string
	mu     sync.Mutex
	root   *root // another after the folder was deleted and made again
}

// A root is a folder that is open: whatever becomes of its path, files are made
// and looked for in this one.
type root struct {
	*os.Root
	dir *os.File // likewise
}

func openRoot(dir string) (*root, error) {
	r, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	f, err := r.Open(".")
	if err != nil {
		r.Close()
		return nil, err
	}
	return &root{r, f}, nil
}

func (r *root) Close() error { return errors.Join(r.dir.Close(), r.Root.Close()) }

// DefaultFolder is the folder that is used when none is named: smtptap/recordings
// in the user's state folder ($XDG_STATE_HOME, or ~/.local/state).
func DefaultFolder() (string, error) {
	state := os.Getenv("XDG_STATE_HOME")
	if !filepath.IsAbs(state) {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", words.Error("no-state", "why", err)
		}
		state = filepath.Join(home, ".local", "state")
	}
	return filepath.Join(state, "smtptap", "recordings"), nil
}

// OpenFolder makes the folder if need be, with its parents, and checks that it
// is safe to write mail into: a real directory of this user that nobody else
// may write to. The error names the reason and a way out, in one line.
func OpenFolder(dir string) (*Folder, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, words.Error("folder-named", "folder", visible.Text(dir), "why", err)
	}
	if err := os.MkdirAll(abs, 0o700); err != nil {
		return nil, words.Error("folder", "why", plain(err))
	}
	info, err := os.Lstat(abs)
	if err != nil {
		return nil, words.Error("folder", "why", plain(err))
	}
	if err := checkFolder(abs, info); err != nil {
		return nil, err
	}
	root, err := openRoot(abs)
	if err != nil {
		return nil, words.Error("folder", "why", plain(err))
	}
	return checkRoot(abs, root, info)
}

// checkRoot looks again at what was opened: the folder may have been exchanged
// since it was checked.
func checkRoot(dir string, root *root, checked fs.FileInfo) (*Folder, error) {
	opened, err := root.Stat(".")
	if err == nil && !os.SameFile(opened, checked) {
		err = words.Error("folder-exchanged")
	}
	if err == nil {
		err = probe(root.Root)
	}
	if err != nil {
		root.Close()
		return nil, words.Error("folder-named", "folder", visible.Text(dir), "why", plain(err))
	}
	f := &Folder{dir: dir, root: root}
	if !private(checked) {
		f.advice = words.Say(lang.English, "folder-listed", "folder", visible.Text(dir), "mode", mode(checked))
	}
	return f, nil
}

func checkFolder(dir string, info fs.FileInfo) error {
	switch {
	case info.Mode()&fs.ModeSymlink != 0:
		return words.Error("folder-link", "folder", visible.Text(dir))
	case !info.IsDir():
		return words.Error("folder-not-one", "folder", visible.Text(dir))
	case !owned(info):
		return words.Error("folder-not-owned", "folder", visible.Text(dir))
	case othersWrite(info):
		return words.Error("folder-open", "folder", visible.Text(dir), "mode", mode(info))
	}
	return nil
}

func mode(info fs.FileInfo) string { return fmt.Sprintf("%04o", info.Mode().Perm()) }

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

// Advice is one line about who else can see what is in the folder; "" when
// nobody can.
func (f *Folder) Advice() string { return f.advice }

// Close gives the folder back to the system. Files made in it stay open.
func (f *Folder) Close() error { return f.opened().Close() }

func (f *Folder) opened() *root {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.root
}

// remake makes the folder again after it was deleted. It returns nil when it
// was not.
func (f *Folder) remake(old *root) (*root, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.root != old {
		return f.root, nil // somebody else did it meanwhile
	}
	if _, err := os.Lstat(f.dir); !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	again, err := OpenFolder(f.dir)
	if err != nil {
		return nil, err
	}
	old.Close()
	f.root = again.root
	return f.root, nil
}

// Dir is the folder's absolute path.
func (f *Folder) Dir() string { return f.dir }

// Path is where the recording of that id is, or will be.
func (f *Folder) Path(id string) string { return filepath.Join(f.dir, id+Ext) }

// Create makes the file of a new recording, open for appending and for nobody
// else to read. It never touches a file that exists. A folder that was deleted
// is made again.
func (f *Folder) Create(id string) (*os.File, error) {
	root := f.opened()
	file, err := open(root, id, os.O_CREATE|os.O_EXCL)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrClosed) { // deleted, or made again meanwhile
		if root, again := f.remake(root); root != nil && again == nil {
			return open(root, id, os.O_CREATE|os.O_EXCL)
		}
	}
	return file, err
}

// Append opens the file of a recording that Create made, to go on with it.
func (f *Folder) Append(id string) (*os.File, error) { return open(f.opened(), id, 0) }

// Stat describes the file that is the recording of that id now.
func (f *Folder) Stat(id string) (fs.FileInfo, error) { return f.opened().Lstat(id + Ext) }

// SetAside gives the recording of that id another name, with "-cut" and a number
// after the id, so that Create can begin it anew.
func (f *Folder) SetAside(id string) error {
	if _, ok := parseID(id); !ok {
		return words.Error("not-an-id", "id", visible.Text(id))
	}
	root := f.opened()
	for n := 1; ; n++ {
		name := fmt.Sprintf("%s-cut%d%s", id, n, Ext)
		if _, err := root.Lstat(name); err == nil {
			continue
		}
		if err := root.Rename(id+Ext, name); err != nil {
			return words.Error("recording", "why", plain(err))
		}
		return nil
	}
}

func open(root *root, id string, flags int) (*os.File, error) {
	if _, ok := parseID(id); !ok {
		return nil, words.Error("not-an-id", "id", visible.Text(id))
	}
	file, err := root.open(id+Ext, os.O_WRONLY|os.O_APPEND|flags, 0o600)
	if err != nil {
		return nil, words.Error("recording", "why", plain(err))
	}
	return file, nil
}

// Remove deletes the recording of that id, and what is said of it.
func (f *Folder) Remove(id string) error {
	if _, ok := parseID(id); !ok {
		return words.Error("not-an-id", "id", visible.Text(id))
	}
	if err := f.opened().Remove(id + Ext); err != nil {
		return words.Error("recording", "why", plain(err))
	}
	f.opened().Remove(id + notesExt) // there may be none
	return nil
}
