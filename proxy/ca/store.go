package ca

import (
	"crypto/ecdsa"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Files of the authority's folder.
const (
	keyFile  = "ca-key.pem"
	certFile = "ca.pem"
)

// A store is the authority's folder, opened and found safe. What is done in it
// goes through root, so that nothing leads out of it meanwhile.
type store struct {
	dir  string
	root *os.Root
}

// openStore opens the folder, and makes it if need be.
func openStore(dir string, create bool) (*store, error) {
	if create {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, plain(dir, err)
		}
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
		err = fmt.Errorf("folder %q was exchanged while it was being opened", dir)
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
		return fmt.Errorf("folder %q is a symbolic link; put a real folder there", dir)
	case !info.IsDir():
		return fmt.Errorf("%q is not a folder; move it away", dir)
	case !owned(info):
		return fmt.Errorf("folder %q belongs to another user; run smtptap as that user, or set XDG_STATE_HOME", dir)
	case !private(info):
		return fmt.Errorf("folder %q is open to other users (mode %04o); run chmod 700 on it", dir, info.Mode().Perm())
	}
	return nil
}

// authority reads the key and the certificate, and makes what is missing. Two
// programs that do this at the same time end up with the same authority: a
// file that exists is never replaced, and the second one reads what the first
// has made.
func (s *store) authority(create bool, now time.Time) (*Authority, error) {
	key, err := s.key(create)
	if err != nil {
		return nil, err
	}
	data, err := s.certificate(key, create, now)
	if err != nil {
		return nil, err
	}
	cert, err := decodeCert(data)
	path := filepath.Join(s.dir, certFile)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%q %w; remove the folder to have a new authority made", path, err)
	case !key.PublicKey.Equal(cert.PublicKey) || !cert.IsCA:
		return nil, fmt.Errorf("%q does not belong to the key beside it; remove the folder to have a new authority made", path)
	case now.After(cert.NotAfter):
		return nil, fmt.Errorf("%q has expired on %s; remove the folder to have a new authority made", path, cert.NotAfter.Format(time.DateOnly))
	}
	return &Authority{cert: cert, pem: data, key: key, path: path}, nil
}

func (s *store) key(create bool) (*ecdsa.PrivateKey, error) {
	data, err := s.read(keyFile, true)
	if errors.Is(err, fs.ErrNotExist) && create {
		if data, err = newKeyFile(); err == nil {
			data, err = s.publish(keyFile, data, 0o600, true)
		}
	}
	if err != nil {
		return nil, err
	}
	key, err := decodeKey(data)
	if err != nil {
		return nil, fmt.Errorf("%q %w; remove the folder to have a new authority made", filepath.Join(s.dir, keyFile), err)
	}
	return key, nil
}

func newKeyFile() ([]byte, error) {
	key, err := newKey()
	if err != nil {
		return nil, err
	}
	return encodeKey(key)
}

func (s *store) certificate(key *ecdsa.PrivateKey, create bool, now time.Time) ([]byte, error) {
	data, err := s.read(certFile, false)
	if !errors.Is(err, fs.ErrNotExist) || !create {
		return data, err
	}
	der, err := newRoot(key, now)
	if err != nil {
		return nil, err
	}
	return s.publish(certFile, pem.EncodeToMemory(&pem.Block{Type: pemCert, Bytes: der}), 0o644, false)
}

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
		return nil, fmt.Errorf("%q is a symbolic link; put the file itself there", path)
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
		return nil, fmt.Errorf("%q was exchanged while it was being opened", path)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%q is not a plain file; move it away", path)
	case !owned(info):
		return nil, fmt.Errorf("%q belongs to another user; remove the folder to have a new authority made", path)
	case secret && !private(info):
		return nil, fmt.Errorf("%q can be read by other users (mode %04o), so the key may be known: remove the folder to have a new authority made, or run chmod 600 on it if you are sure", path, info.Mode().Perm())
	}
	data, err := io.ReadAll(io.LimitReader(f, maxFile))
	return data, plain(s.dir, err)
}

// publish makes a file with that content appear under its name whole, or not at
// all. When the name is taken meanwhile, it returns what is there.
func (s *store) publish(name string, data []byte, mode fs.FileMode, secret bool) ([]byte, error) {
	temp := "." + name + "." + rand.Text()
	f, err := s.root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return nil, plain(s.dir, err)
	}
	defer s.root.Remove(temp)
	_, err = f.Write(data)
	err = errors.Join(err, f.Sync(), f.Close())
	if err != nil {
		return nil, plain(s.dir, err)
	}
	switch err := s.root.Link(temp, name); {
	case errors.Is(err, fs.ErrExist):
		return s.read(name, secret)
	case err != nil:
		return nil, plain(s.dir, err)
	}
	return data, nil
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
