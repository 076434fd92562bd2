package recordings_test

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"smtptap/recordings"
)

func TestNotes(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "odd [name]*")
	folder, err := recordings.OpenFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer folder.Close()
	id := recordings.NewID(time.Now())
	f, err := folder.Create(id)
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	want := recordings.Notes{Marked: true, Note: "ask Lin", Tags: []string{"qq", "urgent"}}
	if err := recordings.WriteNotes(folder.Path(id), want); err != nil {
		t.Fatal(err)
	}
	if got := recordings.AllNotes(dir); !reflect.DeepEqual(got, map[string]recordings.Notes{id: want}) {
		t.Errorf("the folder's notes are %v", got)
	}
	if err := recordings.WriteNotes(folder.Path(id), recordings.Notes{}); err != nil || len(recordings.AllNotes(dir)) != 0 {
		t.Errorf("nothing was to be left: %v, %v", recordings.AllNotes(dir), err)
	}
	if err := recordings.WriteNotes(folder.Path(id), want); err != nil {
		t.Fatal(err)
	}
	if err := folder.Remove(id); err != nil {
		t.Fatal(err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Errorf("a recording that is deleted leaves %v", left)
	}
	os.WriteFile(filepath.Join(dir, id+".notes"), []byte("{broken"), 0o600)
	if got := recordings.ReadNotes(folder.Path(id)); !got.Empty() {
		t.Errorf("notes that can't be read are %v", got)
	}
}
