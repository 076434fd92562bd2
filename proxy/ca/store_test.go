//go:build unix

package ca_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"smtptap/proxy/ca"
)

func mustOpen(t *testing.T, dir string) *ca.Authority {
	t.Helper()
	a, err := ca.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func mode(t *testing.T, path string) fs.FileMode {
	t.Helper()
	info, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Mode().Perm()
}

// The key and its folder are for nobody else, whatever the umask says.
func TestOpenMakesPrivateFiles(t *testing.T) {
	for _, umask := range []int{0, 0o022, 0o077} {
		dir := filepath.Join(t.TempDir(), "state", "smtptap", "ca")
		before := syscall.Umask(umask)
		a, err := ca.Open(dir)
		syscall.Umask(before)
		if err != nil {
			t.Fatalf("umask %04o: %v", umask, err)
		}
		if got := mode(t, dir); got != 0o700 {
			t.Errorf("umask %04o: the folder has mode %04o", umask, got)
		}
		if got := mode(t, filepath.Join(dir, "ca-key.pem")); got != 0o600 {
			t.Errorf("umask %04o: the key has mode %04o", umask, got)
		}
		if a.Path() != filepath.Join(dir, "ca.pem") {
			t.Errorf("the certificate is at %q", a.Path())
		}
		left, err := os.ReadDir(dir)
		if err != nil || len(left) != 2 {
			t.Errorf("the folder holds %v, %v; want the key and the certificate", left, err)
		}
	}
}

// What is there is used again and not touched.
func TestOpenAgain(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "ca")
	if _, err := ca.Load(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("loading what does not exist: %v", err)
	}
	first := mustOpen(t, dir)
	if again := mustOpen(t, dir); !bytes.Equal(first.PEM(), again.PEM()) {
		t.Error("opening again gave another authority")
	}
	loaded, err := ca.Load(dir)
	if err != nil || !loaded.Certificate().Equal(first.Certificate()) {
		t.Errorf("loading gave another authority, %v", err)
	}
}

// A crash between the two files leaves a key that nobody trusts yet.
func TestOpenCompletes(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "ca")
	first := mustOpen(t, dir)
	key, err := os.ReadFile(filepath.Join(dir, "ca-key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(first.Path()); err != nil {
		t.Fatal(err)
	}
	again := mustOpen(t, dir)
	if err := again.Certificate().CheckSignatureFrom(again.Certificate()); err != nil {
		t.Error(err)
	}
	if now, err := os.ReadFile(filepath.Join(dir, "ca-key.pem")); err != nil || !bytes.Equal(now, key) {
		t.Errorf("the key was replaced, %v", err)
	}
}

// Programs that start at the same time agree on one authority.
func TestOpenAtTheSameTime(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "ca")
	var all [16]*ca.Authority
	var wg sync.WaitGroup
	for i := range all {
		wg.Go(func() {
			a, err := ca.Open(dir)
			if err != nil {
				t.Error(err)
				return
			}
			all[i] = a
		})
	}
	wg.Wait()
	for _, a := range all[1:] {
		if a != nil && all[0] != nil && !bytes.Equal(a.PEM(), all[0].PEM()) {
			t.Fatal("two authorities were made")
		}
	}
}

// Each of these is refused in one line that names the file, and nothing is
// written over or followed.
func TestOpenRefuses(t *testing.T) {
	other := mustOpen(t, filepath.Join(t.TempDir(), "other"))
	for name, tt := range map[string]struct {
		spoil func(t *testing.T, dir string) // the folder holds an authority
		file  string                         // that the error names, "" for the folder
		want  string
	}{
		"folder open to the group": {
			func(t *testing.T, dir string) { must(t, os.Chmod(dir, 0o750)) }, "", "open to other users (mode 0750)",
		},
		"folder open to the world": {
			func(t *testing.T, dir string) { must(t, os.Chmod(dir, 0o705)) }, "", "open to other users (mode 0705)",
		},
		"folder is a link": {
			func(t *testing.T, dir string) {
				must(t, os.Rename(dir, dir+"-real"))
				must(t, os.Symlink(dir+"-real", dir))
			}, "", "symbolic link",
		},
		"folder is a file": {
			func(t *testing.T, dir string) {
				must(t, os.RemoveAll(dir))
				must(t, os.WriteFile(dir, nil, 0o600))
			}, "", "not a directory",
		},
		"key readable by others": {
			func(t *testing.T, dir string) { must(t, os.Chmod(filepath.Join(dir, "ca-key.pem"), 0o644)) }, "ca-key.pem", "can be read by other users (mode 0644)",
		},
		"key of the group": {
			func(t *testing.T, dir string) { must(t, os.Chmod(filepath.Join(dir, "ca-key.pem"), 0o640)) }, "ca-key.pem", "can be read by other users (mode 0640)",
		},
		"key is a link": {
			func(t *testing.T, dir string) {
				key := filepath.Join(dir, "ca-key.pem")
				must(t, os.Rename(key, filepath.Join(dir, "elsewhere")))
				must(t, os.Symlink("elsewhere", key))
			}, "ca-key.pem", "symbolic link",
		},
		"key is a link to nothing": {
			func(t *testing.T, dir string) {
				key := filepath.Join(dir, "ca-key.pem")
				must(t, os.Remove(key))
				must(t, os.Symlink(filepath.Join(t.TempDir(), "planted"), key))
			}, "ca-key.pem", "symbolic link",
		},
		"key is a folder": {
			func(t *testing.T, dir string) {
				key := filepath.Join(dir, "ca-key.pem")
				must(t, os.Remove(key))
				must(t, os.Mkdir(key, 0o700))
			}, "ca-key.pem", "not a plain file",
		},
		"key cut off": {
			func(t *testing.T, dir string) { must(t, os.Truncate(filepath.Join(dir, "ca-key.pem"), 30)) }, "ca-key.pem", "holds no private key",
		},
		"certificate is a link": {
			func(t *testing.T, dir string) {
				must(t, os.Remove(filepath.Join(dir, "ca.pem")))
				must(t, os.Symlink(other.Path(), filepath.Join(dir, "ca.pem")))
			}, "ca.pem", "symbolic link",
		},
		"certificate of another key": {
			func(t *testing.T, dir string) {
				must(t, os.WriteFile(filepath.Join(dir, "ca.pem"), other.PEM(), 0o600))
			}, "ca.pem", "does not belong to the key",
		},
		"certificate is none": {
			func(t *testing.T, dir string) {
				must(t, os.WriteFile(filepath.Join(dir, "ca.pem"), []byte("hello"), 0o600))
			}, "ca.pem", "holds no certificate",
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "ca")
			mustOpen(t, dir)
			tt.spoil(t, dir)
			_, err := ca.Open(dir)
			if err == nil {
				t.Fatal("accepted")
			}
			text := err.Error()
			if !strings.Contains(text, tt.want) || !strings.Contains(text, filepath.Join(dir, tt.file)) || strings.Contains(text, "\n") {
				t.Errorf("the error is %q; want one line with %q and the path", text, tt.want)
			}
		})
	}
}

// Root can read what belongs to others, and must not be led to.
func TestOpenRefusesForeignOwner(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give files away")
	}
	for _, file := range []string{"", "ca-key.pem", "ca.pem"} {
		dir := filepath.Join(t.TempDir(), "ca")
		mustOpen(t, dir)
		must(t, os.Chown(filepath.Join(dir, file), 65534, -1))
		if _, err := ca.Open(dir); err == nil || !strings.Contains(err.Error(), "belongs to another user") {
			t.Errorf("%q of another user: %v", file, err)
		}
	}
}

// What stands in the way of a new authority is left as it is.
func TestOpenWritesOverNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "ca")
	must(t, os.Mkdir(dir, 0o700))
	key := filepath.Join(dir, "ca-key.pem")
	must(t, os.WriteFile(key, []byte("mine"), 0o644))
	if _, err := ca.Open(dir); err == nil {
		t.Fatal("accepted a file that was there before")
	}
	if data, err := os.ReadFile(key); err != nil || string(data) != "mine" {
		t.Errorf("the file now holds %q, %v", data, err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
