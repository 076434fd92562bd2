//go:build unix

package ca_test

import (
	"bytes"
	"encoding/pem"
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

// rootFile is the file of the only root in dir.
func rootFile(t *testing.T, dir string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "roots", "*"))
	if err != nil || len(files) != 1 {
		t.Fatalf("roots %q, %v; want one", files, err)
	}
	return files[0]
}

// Keys and their folders are for nobody else, whatever the umask says.
func TestOpenMakesPrivateFiles(t *testing.T) {
	for _, umask := range []int{0, 0o022, 0o077} {
		dir := filepath.Join(t.TempDir(), "state", "smtptap", "ca")
		before := syscall.Umask(umask)
		a, err := ca.Open(dir)
		syscall.Umask(before)
		if err != nil {
			t.Fatalf("umask %04o: %v", umask, err)
		}
		for path, want := range map[string]fs.FileMode{dir: 0o700, filepath.Join(dir, "roots"): 0o700, rootFile(t, dir): 0o600} {
			if got := mode(t, path); got != want {
				t.Errorf("umask %04o: %s has mode %04o", umask, path, got)
			}
		}
		if a.Path() != filepath.Join(dir, "ca.pem") {
			t.Errorf("the certificates are at %q", a.Path())
		}
		if data, err := os.ReadFile(a.Path()); err != nil || !bytes.Equal(data, a.PEM()) {
			t.Errorf("the file holds %q, %v", data, err)
		}
		left, err := os.ReadDir(dir)
		if err != nil || len(left) != 2 {
			t.Errorf("the folder holds %v, %v; want the bundle and the roots", left, err)
		}
	}
}

// What is there is used again and not touched.
func TestOpenAgain(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "ca")
	first := mustOpen(t, dir)
	if again := mustOpen(t, dir); !bytes.Equal(first.PEM(), again.PEM()) {
		t.Error("opening again gave another authority")
	}
}

// A crash between the root and the bundle is repaired.
func TestOpenCompletes(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "ca")
	first := mustOpen(t, dir)
	must(t, os.WriteFile(first.Path(), []byte("hello"), 0o644))
	again := mustOpen(t, dir)
	if data, err := os.ReadFile(first.Path()); err != nil || !bytes.Equal(data, first.PEM()) || !bytes.Equal(data, again.PEM()) {
		t.Errorf("the bundle is %q, %v", data, err)
	}
}

// An authority without constraints, as there once was, is replaced.
func TestOpenReplacesOldAuthority(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "ca")
	must(t, os.MkdirAll(dir, 0o700))
	must(t, os.WriteFile(filepath.Join(dir, "ca-key.pem"), []byte("old"), 0o600))
	must(t, os.WriteFile(filepath.Join(dir, "ca.pem"), []byte("old"), 0o644))
	a := mustOpen(t, dir)
	if _, err := os.Stat(filepath.Join(dir, "ca-key.pem")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("its key is still there: %v", err)
	}
	if data, err := os.ReadFile(a.Path()); err != nil || !bytes.Equal(data, a.PEM()) {
		t.Errorf("the bundle is %q, %v", data, err)
	}
}

// A root whose own key was kept, as there once were, is replaced.
func TestOpenReplacesRootWithKey(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "ca")
	first := mustOpen(t, dir)
	file := rootFile(t, dir)
	data, err := os.ReadFile(file)
	must(t, err)
	_, rest := pem.Decode(data) // the issuer and its key stand for one
	must(t, os.WriteFile(file, rest, 0o600))
	again := mustOpen(t, dir)
	if bytes.Equal(first.PEM(), again.PEM()) || bytes.Count(again.PEM(), []byte("BEGIN")) != 1 {
		t.Errorf("the bundle is\n%s", again.PEM())
	}
}

// Programs that start at the same time agree on one authority, and none loses
// the other's root from the bundle.
func TestOpenAtTheSameTime(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "ca")
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			a, err := ca.Open(dir)
			if err == nil {
				err = a.Prepare([]string{"one.example", "two.example", "three.example", "four.example"}[i%4])
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	data, err := os.ReadFile(filepath.Join(dir, "ca.pem"))
	if n := bytes.Count(data, []byte("BEGIN CERTIFICATE")); err != nil || n != 5 {
		t.Errorf("the bundle holds %d roots, want 5; %v", n, err)
	}
}

// Each of these is refused in one line that names the file, and nothing is
// written over or followed.
func TestOpenRefuses(t *testing.T) {
	for name, tt := range map[string]struct {
		spoil func(t *testing.T, dir, root string) // the folder holds an authority
		of    string                               // what the error names: "root", "bundle", "" for the folder
		want  string
	}{
		"folder open to the group": {
			func(t *testing.T, dir, _ string) { must(t, os.Chmod(dir, 0o750)) }, "", "open to other users (mode 0750)",
		},
		"folder open to the world": {
			func(t *testing.T, dir, _ string) { must(t, os.Chmod(dir, 0o705)) }, "", "open to other users (mode 0705)",
		},
		"roots open to the world": {
			func(t *testing.T, dir, _ string) { must(t, os.Chmod(filepath.Join(dir, "roots"), 0o705)) }, "", "open to other users (mode 0705)",
		},
		"folder is a link": {
			func(t *testing.T, dir, _ string) {
				must(t, os.Rename(dir, dir+"-real"))
				must(t, os.Symlink(dir+"-real", dir))
			}, "", "symbolic link",
		},
		"folder is a file": {
			func(t *testing.T, dir, _ string) {
				must(t, os.RemoveAll(dir))
				must(t, os.WriteFile(dir, nil, 0o600))
			}, "", "not a directory",
		},
		"roots is a link": {
			func(t *testing.T, dir, _ string) {
				must(t, os.Rename(filepath.Join(dir, "roots"), filepath.Join(dir, "elsewhere")))
				must(t, os.Symlink("elsewhere", filepath.Join(dir, "roots")))
			}, "", "symbolic link",
		},
		"key readable by others": {
			func(t *testing.T, _, root string) { must(t, os.Chmod(root, 0o644)) }, "root", "(mode 0644)",
		},
		"key of the group": {
			func(t *testing.T, _, root string) { must(t, os.Chmod(root, 0o640)) }, "root", "(mode 0640)",
		},
		"key is a link": {
			func(t *testing.T, dir, root string) {
				must(t, os.Rename(root, filepath.Join(dir, "elsewhere")))
				must(t, os.Symlink("../elsewhere", root))
			}, "root", "symbolic link",
		},
		"key is a folder": {
			func(t *testing.T, _, root string) {
				must(t, os.Remove(root))
				must(t, os.Mkdir(root, 0o700))
			}, "root", "not a plain file",
		},
		"key cut off": {
			func(t *testing.T, _, root string) { must(t, os.Truncate(root, 30)) }, "root", "holds no root with the key of its issuer",
		},
		"bundle is a link": {
			func(t *testing.T, dir, _ string) {
				must(t, os.Remove(filepath.Join(dir, "ca.pem")))
				must(t, os.Symlink(filepath.Join(t.TempDir(), "planted"), filepath.Join(dir, "ca.pem")))
			}, "bundle", "symbolic link",
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "ca")
			mustOpen(t, dir)
			root := rootFile(t, dir)
			tt.spoil(t, dir, root)
			_, err := ca.Open(dir)
			if err == nil {
				t.Fatal("accepted")
			}
			names := map[string]string{"": dir, "root": root, "bundle": filepath.Join(dir, "ca.pem")}[tt.of]
			if text := err.Error(); !strings.Contains(text, tt.want) || !strings.Contains(text, names) || strings.Contains(text, "\n") {
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
	for _, file := range []string{"", "roots", "root", "ca.pem"} {
		dir := filepath.Join(t.TempDir(), "ca")
		mustOpen(t, dir)
		path := filepath.Join(dir, file)
		if file == "root" {
			path = rootFile(t, dir)
		}
		must(t, os.Chown(path, 65534, -1))
		if _, err := ca.Open(dir); err == nil || !strings.Contains(err.Error(), "belongs to another user") {
			t.Errorf("%q of another user: %v", file, err)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
