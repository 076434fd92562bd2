package recordings_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"smtptap/recordings"
)

func openFolder(t testing.TB) *recordings.Folder {
	t.Helper()
	f, err := recordings.OpenFolder(filepath.Join(t.TempDir(), "state", "recordings"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func TestOpenFolderMakesItPrivate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	f, err := recordings.OpenFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, d := range []string{dir, filepath.Dir(dir)} {
		info, err := os.Stat(d)
		if err != nil || info.Mode() != fs.ModeDir|0o700 {
			t.Errorf("%s has mode %v, %v", d, info.Mode(), err)
		}
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) > 0 {
		t.Errorf("the new folder holds %v, %v", left, err)
	}
	if f.Dir() != dir {
		t.Errorf("Dir is %q, want %q", f.Dir(), dir)
	}
}

// A folder that others can look into is used, with a word of advice.
func TestFolderAdvice(t *testing.T) {
	for mode, want := range map[os.FileMode]string{0o700: "", 0o755: "chmod 700", 0o750: "mode 0750"} {
		dir := filepath.Join(t.TempDir(), "recordings")
		mkdir(t, dir, mode)
		f, err := recordings.OpenFolder(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if got := f.Advice(); (want == "") != (got == "") || !strings.Contains(got, want) {
			t.Errorf("mode %04o: advice %q, want %q", mode, got, want)
		}
	}
}

func TestOpenFolderRefuses(t *testing.T) {
	tests := []struct {
		name, want string
		prepare    func(t *testing.T, dir string) // makes what is to be refused
	}{
		{"writable for the group", "chmod 700", func(t *testing.T, dir string) { mkdir(t, dir, 0o770) }},
		{"writable for the world", "mode 0703", func(t *testing.T, dir string) { mkdir(t, dir, 0o703) }},
		{"a symbolic link", "is a symbolic link", func(t *testing.T, dir string) {
			mkdir(t, dir+"-real", 0o700)
			if err := os.Symlink(dir+"-real", dir); err != nil {
				t.Fatal(err)
			}
		}},
		{"a file", "not a directory", func(t *testing.T, dir string) {
			if err := os.WriteFile(dir, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}},
		{"below a file", "not a directory", func(t *testing.T, dir string) {
			if err := os.WriteFile(filepath.Dir(dir), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}},
		{"of another user", "another user", func(t *testing.T, dir string) {
			mkdir(t, dir, 0o700)
			if err := os.Chown(dir, 12345, 12345); err != nil {
				t.Logf("not root, so the root directory stands in: %v", err)
				if err := os.Remove(dir); err != nil {
					t.Fatal(err)
				}
			}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "state", "recordings")
			if tt.name != "below a file" {
				mkdir(t, filepath.Dir(dir), 0o700)
			}
			tt.prepare(t, dir)
			if _, err := os.Lstat(dir); tt.name == "of another user" && err != nil {
				dir = "/"
			}
			f, err := recordings.OpenFolder(dir)
			if err == nil {
				f.Close()
				t.Fatal("it was opened")
			}
			if !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %q, want one line that says %q", err, tt.want)
			}
		})
	}
}

// mkdir makes a directory with that mode, whatever the umask is.
func mkdir(t *testing.T, dir string, mode fs.FileMode) {
	t.Helper()
	if err := os.Mkdir(dir, mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, mode); err != nil {
		t.Fatal(err)
	}
}

func TestCreate(t *testing.T) {
	folder := openFolder(t)
	id := recordings.NewID(time.Now())
	f, err := folder.Create(id)
	if err != nil {
		t.Fatal(err)
	}
	f.WriteString("one")
	f.Close()
	info, err := os.Stat(folder.Path(id))
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if again, err := folder.Create(id); err == nil {
		again.Close()
		t.Error("an existing recording was created again")
	}
	f, err = folder.Append(id)
	if err != nil {
		t.Fatal(err)
	}
	f.WriteString(" two")
	f.Close()
	if p, err := os.ReadFile(folder.Path(id)); string(p) != "one two" {
		t.Errorf("it holds %q, %v", p, err)
	}
}

// Nothing but an id of ours becomes a file, and no link is followed.
func TestCreateRefuses(t *testing.T) {
	folder := openFolder(t)
	id := recordings.NewID(time.Now())
	for _, name := range []string{
		"", ".", "..", "x", "../" + id, id + "/x", id + "\x00", strings.ToUpper(id), id + "x", id[1:], "~", "-rf", "CON",
		strings.Repeat("x", 300), "a\nb", "evil\x1b[2J", "20261322-235912-417-k3f9x", "20261122-235912-417-k3f9l", "20261122 235912 417 k3f9x",
	} {
		if f, err := folder.Create(name); err == nil {
			f.Close()
			t.Errorf("%q was created", name)
		}
		if f, err := folder.Append(name); err == nil {
			f.Close()
			t.Errorf("%q was opened", name)
		}
		if err := folder.Remove(name); err == nil {
			t.Errorf("%q was removed", name)
		}
	}
	outside := filepath.Join(t.TempDir(), "outside")
	if err := os.Symlink(outside, folder.Path(id)); err != nil {
		t.Fatal(err)
	}
	if f, err := folder.Create(id); err == nil {
		f.Close()
		t.Error("a link was followed")
	}
	if err := os.WriteFile(outside, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if f, err := folder.Append(id); err == nil {
		f.Close()
		t.Error("a link was followed")
	}
}

func TestID(t *testing.T) {
	at := time.Date(2026, 11, 23, 0, 59, 12, 417_900_000, time.FixedZone("CET", 3600))
	seen := map[string]bool{}
	for range 1000 {
		id := recordings.NewID(at)
		if !strings.HasPrefix(id, "20261122-235912-417-") || len(id) != len("20261122-235912-417-k3f9x") {
			t.Fatalf("got %q", id)
		}
		if short := recordings.ShortID(id); id != "20261122-235912-417-"+short {
			t.Fatalf("short is %q", short)
		}
		seen[id] = true
	}
	if len(seen) < 990 {
		t.Errorf("%d different ids of 1000", len(seen))
	}
	if got := recordings.ShortID("bug-42"); got != "bug-42" {
		t.Errorf("short of a name is %q", got)
	}
	if later := recordings.NewID(at.Add(time.Millisecond)); later <= recordings.NewID(at) {
		t.Errorf("%s does not sort behind", later)
	}
}

func TestDefaultFolder(t *testing.T) {
	t.Setenv("XDG_STATE_HOME", "/var/state")
	if got, err := recordings.DefaultFolder(); got != "/var/state/smtptap/recordings" {
		t.Errorf("got %q, %v", got, err)
	}
	t.Setenv("XDG_STATE_HOME", "relative")
	t.Setenv("HOME", "/home/user")
	if got, err := recordings.DefaultFolder(); got != "/home/user/.local/state/smtptap/recordings" {
		t.Errorf("got %q, %v", got, err)
	}
	t.Setenv("HOME", "")
	if got, err := recordings.DefaultFolder(); err == nil {
		t.Errorf("without a home: got %q", got)
	}
}

// put makes recordings with these ids.
func put(t testing.TB, folder *recordings.Folder, ids ...string) {
	t.Helper()
	for _, id := range ids {
		if err := os.WriteFile(folder.Path(id), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestList(t *testing.T) {
	folder := openFolder(t)
	ids := []string{"20261122-235912-417-k3f9x", "20261122-235912-418-00000", "20251122-235912-417-zzzzz", "20261122-235912-417-k3f9y"}
	put(t, folder, ids...)
	put(t, folder, "bug-42")
	old := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	if err := os.Chtimes(folder.Path("bug-42"), old, old); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder.Dir(), "notes.txt"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(folder.Path("20261122-235912-419-00000"), 0o700); err != nil {
		t.Fatal(err)
	}
	list, err := folder.List()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range list {
		got = append(got, r.ID)
		if size, _, err := r.Stat(); err != nil || r.Path != folder.Path(r.ID) || size != 1 || r.Ours == (r.ID == "bug-42") {
			t.Errorf("got %+v", r)
		}
	}
	if want := []string{ids[1], ids[3], ids[0], "bug-42", ids[2]}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if want := time.Date(2026, 11, 22, 23, 59, 12, 418e6, time.UTC); !list[0].Started.Equal(want) {
		t.Errorf("the newest began %v, want %v", list[0].Started, want)
	}
	if list, err := recordings.List(filepath.Join(folder.Dir(), "nowhere")); len(list) > 0 || err != nil {
		t.Errorf("a folder that is not there: %v, %v", list, err)
	}
}

func TestFind(t *testing.T) {
	folder := openFolder(t)
	if _, err := folder.Find("latest"); err == nil || !strings.Contains(err.Error(), "no recordings") {
		t.Errorf("latest of none: %v", err)
	}
	const a, b, c = "20261122-235912-417-k3f9x", "20261122-235912-418-k3g00", "20261123-000000-000-20261"
	put(t, folder, a, b, c, "bug-42")
	old := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	if err := os.Chtimes(folder.Path("bug-42"), old, old); err != nil {
		t.Fatal(err)
	}
	elsewhere := filepath.Join(t.TempDir(), "x.smtptap")
	if err := os.WriteFile(elsewhere, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for ref, want := range map[string]string{
		"":        folder.Path(c),
		"latest":  folder.Path(c),
		a:         folder.Path(a),
		"k3f9x":   folder.Path(a),
		"k3g":     folder.Path(b),
		"bug-42":  folder.Path("bug-42"),
		"bug":     folder.Path("bug-42"),
		elsewhere: elsewhere,

		"20261122-235912-418": folder.Path(b),
		"20261":               folder.Path(c), // the whole last part of one, the beginning of others
		a + ".smtptap":        folder.Path(a),
	} {
		if got, err := folder.Find(ref); got != want {
			t.Errorf("%q: got %q, %v, want %q", ref, got, err, want)
		}
	}
	for ref, want := range map[string]string{
		"k3":              `"k3" means 2 recordings: 20261122-235912-418-k3g00, 20261122-235912-417-k3f9x. Give more of the id`,
		"nothing":         "smtptap list shows them",
		"./nothing":       "no such file",
		"nothing.smtptap": "no such file",
		"k\x1b[2J":        `"k\x1b[2J"`,
	} {
		if got, err := folder.Find(ref); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %q, %v, want an error that says %q", ref, got, err, want)
		}
	}
}

func TestPrune(t *testing.T) {
	folder := openFolder(t)
	const old, fresh, written = "20260101-000000-000-00000", "20261122-000000-000-00000", "20260101-000000-000-11111"
	put(t, folder, old, fresh, written, "bug-42")
	long := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, id := range []string{old, "bug-42"} {
		if err := os.Chtimes(folder.Path(id), long, long); err != nil {
			t.Fatal(err)
		}
	}
	before := time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC)
	dry, err := folder.Old(before)
	if err != nil || len(dry) != 1 || dry[0].ID != old {
		t.Fatalf("would go: %v, %v", dry, err)
	}
	if list, _ := folder.List(); len(list) != 4 {
		t.Fatalf("a dry run left %v", list)
	}
	gone, err := folder.Prune(dry)
	if err != nil || !slices.Equal(gone, dry) {
		t.Fatalf("went: %v, %v", gone, err)
	}
	list, err := folder.List()
	if err != nil || len(list) != 3 || slices.ContainsFunc(list, func(r recordings.Info) bool { return r.ID == old }) {
		t.Errorf("left: %v, %v", list, err)
	}
}
