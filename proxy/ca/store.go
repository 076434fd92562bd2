package ca

import (
	"bytes"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"smtptap/decode/visible"
	"strings"
	"time"
)

// Files of the authority's folder.
const (
	bundleFile = "ca.pem" // the roots' certificates, for clients
	rootsDir   = "roots"  // each root with the key of its issuer, for nobody else

	// oldKeyFile is the key of a root without constraints, as the authority
	// once was. It goes as soon as it is met.
	oldKeyFile = "ca-key.pem"
)

// A store is the authority's folder, opened and found safe. What is done in it
// goes through root, so that nothing leads out of it meanwhile.
type store struct {
	dir  string
	root *os.Root
}

// openStore opens the folder, and makes it if need be.
func openStore(dir string) (*store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, plain(dir, err)
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return nil, plain(dir, err)
	}
	if err := checkDir(dir, info); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, plain(dir, err)
	}
	opened, err := root.Stat(".")
	if err == nil && !os.SameFile(opened, info) {
		err = words.Error("at", "path", visible.Text(dir), "why", errExchanged)
	}
	if err != nil {
		root.Close()
		return nil, plain(dir, err)
	}
	return &store{dir, root}, nil
}

func (s *store) close() { s.root.Close() }

func checkDir(dir string, info fs.FileInfo) error {
	switch {
	case info.Mode()&fs.ModeSymlink != 0:
		return words.Error("folder-link", "path", visible.Text(dir))
	case !info.IsDir():
		return words.Error("not-a-folder", "path", visible.Text(dir))
	case !owned(info):
		return words.Error("folder-not-owned", "path", visible.Text(dir))
	case !private(info):
		return words.Error("folder-open", "path", visible.Text(dir), "mode", fmt.Sprintf("%04o", info.Mode().Perm()))
	}
	return nil
}

// roots reads the roots that are valid, and removes those that have expired.
func (s *store) roots(now time.Time) ([]*root, error) {
	if err := s.root.Remove(oldKeyFile); err == nil {
		s.root.Remove(bundleFile) // it holds what that key has signed
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, plain(s.dir, err)
	}
	if err := s.root.Mkdir(rootsDir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, plain(s.dir, err)
	}
	info, err := s.root.Lstat(rootsDir)
	if err != nil {
		return nil, plain(s.dir, err)
	}
	if err := checkDir(filepath.Join(s.dir, rootsDir), info); err != nil {
		return nil, err
	}
	entries, err := fs.ReadDir(s.root.FS(), rootsDir)
	if err != nil {
		return nil, plain(s.dir, err)
	}
	var all []*root
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") { // being written
			continue
		}
		r, err := s.readRoot(e.Name())
		switch {
		case errors.Is(err, fs.ErrNotExist): // another program has removed it
		case errors.Is(err, errOldRoot):
			s.root.Remove(filepath.Join(rootsDir, e.Name()))
		case err != nil:
			return nil, err
		case r.left(now) <= 0:
			s.root.Remove(filepath.Join(rootsDir, e.Name()))
		default:
			all = append(all, r)
		}
	}
	sortRoots(all)
	return all, nil
}

func (s *store) readRoot(file string) (*root, error) {
	name := filepath.Join(rootsDir, file)
	data, err := s.read(name, true)
	if err != nil {
		return nil, err
	}
	r, err := decodeRoot(data)
	if err != nil {
		return nil, words.Error("bad-root", "path", visible.Text(filepath.Join(s.dir, name)), "why", err)
	}
	return r, nil
}

// addRoot writes a root. When another program has just made one for the same
// host, that one is it.
func (s *store) addRoot(r *root) (*root, error) {
	data, err := r.encode()
	if err != nil {
		return nil, err
	}
	taken, err := s.publish(filepath.Join(rootsDir, r.name()), data)
	if err != nil || !taken {
		return r, err
	}
	return s.readRoot(r.name())
}

// maxRoots bounds the roots: clients read all of them, and an mx target may lead
// to many servers.
const maxRoots = 64

// bound removes the oldest roots beyond maxRoots, and returns the others and
// the hosts of those that went. The root of this machine stays.
func (s *store) bound(roots []*root) (kept []*root, gone []host) {
	for i := 0; len(roots) > maxRoots && i < len(roots); {
		if roots[i].host == (host{}) {
			i++
			continue
		}
		s.root.Remove(filepath.Join(rootsDir, roots[i].name()))
		gone = append(gone, roots[i].host)
		roots = slices.Delete(roots, i, i+1)
	}
	return roots, gone
}

// writeBundle makes the bundle hold what the folder of roots does. Another
// program may add a root meanwhile: the bundle is then written again.
func (s *store) writeBundle(now time.Time) error {
	for {
		want, err := s.bundle(now)
		if err != nil {
			return err
		}
		have, err := s.read(bundleFile, false)
		if err == nil && bytes.Equal(have, want) {
			return nil
		}
		if errors.Is(err, errExchanged) {
			continue
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		temp, err := s.temp(bundleFile, want, 0o644)
		if err != nil {
			return err
		}
		if err := s.root.Rename(temp, bundleFile); err != nil {
			s.root.Remove(temp)
			return plain(s.dir, err)
		}
	}
}

func (s *store) bundle(now time.Time) ([]byte, error) {
	roots, err := s.roots(now)
	if err != nil {
		return nil, err
	}
	var certs []*x509.Certificate
	for _, r := range roots {
		certs = append(certs, r.cert)
	}
	return bundle(certs), nil
}

var errExchanged = words.Error("exchanged")

// maxFile bounds what is read of a file.
const maxFile = 1 << 20

// read returns a file of the folder, which must be a plain file of this user.
// A secret one must be for nobody else to read.
func (s *store) read(name string, secret bool) ([]byte, error) {
	path := filepath.Join(s.dir, name)
	named, err := s.root.Lstat(name)
	if err != nil {
		return nil, plain(s.dir, err)
	}
	if named.Mode()&fs.ModeSymlink != 0 {
		return nil, words.Error("file-link", "path", visible.Text(path))
	}
	f, err := s.root.Open(name)
	if err != nil {
		return nil, plain(s.dir, err)
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, plain(s.dir, err)
	case !os.SameFile(info, named):
		return nil, words.Error("at", "path", visible.Text(path), "why", errExchanged)
	case !info.Mode().IsRegular():
		return nil, words.Error("not-a-file", "path", visible.Text(path))
	case !owned(info):
		return nil, words.Error("file-not-owned", "path", visible.Text(path))
	case secret && !private(info):
		return nil, words.Error("file-open", "path", visible.Text(path), "mode", fmt.Sprintf("%04o", info.Mode().Perm()))
	}
	data, err := io.ReadAll(io.LimitReader(f, maxFile))
	return data, plain(s.dir, err)
}

// publish makes a file for nobody else to read appear under its name whole, or
// not at all. It reports whether the name was taken meanwhile.
func (s *store) publish(name string, data []byte) (taken bool, err error) {
	temp, err := s.temp(name, data, 0o600)
	if err != nil {
		return false, err
	}
	defer s.root.Remove(temp)
	switch err := s.root.Link(temp, name); {
	case errors.Is(err, fs.ErrExist):
		return true, nil
	case err != nil:
		return false, plain(s.dir, err)
	}
	return false, nil
}

// temp writes a file beside that name, and returns what it is called.
func (s *store) temp(name string, data []byte, mode fs.FileMode) (string, error) {
	temp := filepath.Join(filepath.Dir(name), "."+filepath.Base(name)+"."+rand.Text())
	f, err := s.root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return "", plain(s.dir, err)
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		s.root.Remove(temp)
		return "", plain(s.dir, err)
	}
	return temp, nil
}

// plain keeps of an error of the file system what a user can do something
// with: the file, which inside the folder is named without it, and the reason.
func plain(dir string, err error) error {
	var path *fs.PathError
	var link *os.LinkError
	name := ""
	switch {
	case errors.As(err, &path):
		name, err = path.Path, path.Err
	case errors.As(err, &link):
		name, err = link.New, link.Err
	default:
		return err
	}
	if !filepath.IsAbs(name) {
		name = filepath.Join(dir, name)
	}
	return fmt.Errorf("%q: %w", name, err)
}
