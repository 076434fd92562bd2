package ca

import (
	"bytes"
	"crypto/x509"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func openNew(t *testing.T) *Authority {
	t.Helper()
	a, err := Open(filepath.Join(t.TempDir(), "ca"))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// A leaf that is about to expire is replaced.
func TestLeafIsRenewed(t *testing.T) {
	a := openNew(t)
	now := time.Now()
	first, err := a.leafAt(now, "mail.example.com")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		after time.Duration
		same  bool
	}{{time.Hour, true}, {leafLife - refresh - time.Minute, true}, {leafLife - refresh + time.Minute, false}} {
		again, err := a.leafAt(now.Add(tt.after), "mail.example.com")
		if err != nil || (again == first) != tt.same {
			t.Errorf("after %v: the same leaf is %v, want %v; %v", tt.after, again == first, tt.same, err)
		}
	}
}

// Over three years, one leaf a day: whoever has read the bundle within the last
// weeks knows who has signed, no leaf outlives its root, and expired roots go.
func TestRootsAreRenewed(t *testing.T) {
	a := openNew(t)
	begin := time.Now()
	type reading struct {
		at    time.Time
		roots map[string]bool
	}
	var bundles []reading
	for now := begin; now.Before(begin.AddDate(3, 0, 0)); now = now.Add(24 * time.Hour) {
		leaf, err := a.leafAt(now, "mail.example.com")
		if err != nil {
			t.Fatal(err)
		}
		read := reading{now, map[string]bool{}}
		for _, root := range a.Roots() {
			read.roots[string(root.SubjectKeyId)] = true
			if life := root.NotAfter.Sub(root.NotBefore); life > 365*24*time.Hour {
				t.Fatalf("a root lives %v", life)
			}
			if now.After(root.NotAfter.Add(time.Second)) {
				t.Fatalf("on %v the bundle holds a root that expired on %v", now, root.NotAfter)
			}
		}
		if data, err := os.ReadFile(a.Path()); err != nil || !bytes.Equal(data, a.PEM()) {
			t.Fatalf("on %v the file is not the bundle: %v", now, err)
		}
		bundles = append(bundles, read)
		issuer, err := x509.ParseCertificate(leaf.Certificate[1])
		if err != nil || leaf.Leaf.CheckSignatureFrom(issuer) != nil {
			t.Fatalf("the issuer that is shown has not signed: %v", err)
		}
		for _, old := range bundles {
			if now.Sub(old.at) < 30*24*time.Hour && !old.roots[string(issuer.AuthorityKeyId)] {
				t.Fatalf("who read the bundle on %v does not know who signs on %v", old.at, now)
			}
		}
		var root time.Time
		for _, r := range a.roots {
			if r.issuer.Equal(issuer) {
				root = r.cert.NotAfter
			}
		}
		if leaf.Leaf.NotAfter.After(root) {
			t.Fatalf("a leaf is good until %v, its root until %v", leaf.Leaf.NotAfter, root)
		}
	}
	files, err := os.ReadDir(filepath.Join(a.dir, rootsDir))
	if err != nil || len(files) > 4 {
		t.Errorf("%d roots are left, %v", len(files), err)
	}
}
