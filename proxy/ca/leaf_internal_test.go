package ca

import (
	"testing"
	"time"
)

// A leaf that is about to expire is replaced, and none outlives the authority.
func TestLeafIsRenewed(t *testing.T) {
	a, err := Open(t.TempDir() + "/ca")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	first, err := a.leafAt(now, []string{"mail.example.com"})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		after time.Duration
		same  bool
	}{{time.Hour, true}, {leafLife - refresh - time.Minute, true}, {leafLife - refresh + time.Minute, false}} {
		again, err := a.leafAt(now.Add(tt.after), []string{"mail.example.com"})
		if err != nil || (again == first) != tt.same {
			t.Errorf("after %v: the same leaf is %v, want %v; %v", tt.after, again == first, tt.same, err)
		}
	}
	last, err := a.leafAt(a.cert.NotAfter.Add(-time.Hour), []string{"late.example.com"})
	if err != nil || last.Leaf.NotAfter.After(a.cert.NotAfter) {
		t.Errorf("a leaf is good until %v, the authority until %v; %v", last.Leaf.NotAfter, a.cert.NotAfter, err)
	}
}

func TestExpiredAuthorityIsRefused(t *testing.T) {
	dir := t.TempDir() + "/ca"
	if _, err := Open(dir); err != nil {
		t.Fatal(err)
	}
	st, err := openStore(dir, false)
	if err != nil {
		t.Fatal(err)
	}
	defer st.close()
	if _, err := st.authority(true, time.Now().Add(authorityLife+time.Hour)); err == nil {
		t.Error("accepted")
	}
}
