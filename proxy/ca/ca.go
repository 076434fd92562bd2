// Package ca is the local certificate authority with which smtptap opens the
// TLS of clients that trust it, and mints the certificates that they see.
//
// The authority is a bundle of roots, one for each target that was used. A root,
// and the issuer below it that signs, are constrained (RFC 5280 section 4.2.1.10)
// to this machine and to their target, and live a year at most: whoever steals the
// issuer's key can pose as nothing else, and the root's own is not kept. A root
// that comes to its end gets a successor in the same bundle in time, so
// that clients which name the file notice nothing.
//
// Keys are made where nobody else can read them, are never written over,
// exported or logged, and are refused when their file or folder has become open
// to others.
package ca

import (
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// An Authority signs certificates. Its methods may be called from any goroutine.
type Authority struct {
	dir  string
	mint minter

	mu    sync.Mutex
	roots []*root // that are valid, the first to expire first
}

// DefaultDir is the authority's folder: smtptap/ca in the user's state folder
// ($XDG_STATE_HOME, or ~/.local/state).
func DefaultDir() (string, error) {
	state := os.Getenv("XDG_STATE_HOME")
	if !filepath.IsAbs(state) {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", words.Error("no-state", "why", err)
		}
		state = filepath.Join(home, ".local", "state")
	}
	return filepath.Join(state, "smtptap", "ca"), nil
}

// Open returns the authority in dir and makes it if there is none. The error
// is one line that says what is wrong with which file and what to do.
func Open(dir string) (*Authority, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, words.Error("authority", "why", err)
	}
	a := &Authority{dir: abs}
	if err := a.Prepare(localhost); err != nil {
		return nil, err
	}
	return a, nil
}

// Path is the file that holds the authority's roots, for clients to trust.
func (a *Authority) Path() string { return filepath.Join(a.dir, bundleFile) }

// Prepare puts a root for that host into the file at Path, so that a client may
// read it before it connects. See Leaf for names.
func (a *Authority) Prepare(name string) error {
	_, err := a.rootFor(parseHost(name), time.Now())
	return err
}

// Knows reports whether there is a root for that host already, so that clients
// may have read it. Another program may have made it.
func (a *Authority) Knows(name string) bool {
	h, now := parseHost(name), time.Now()
	a.mu.Lock()
	defer a.mu.Unlock()
	if signer(a.roots, h, now) != nil {
		return true
	}
	st, err := openStore(a.dir)
	if err != nil {
		return false
	}
	defer st.close()
	if roots, err := st.roots(now); err == nil {
		a.roots = roots
	}
	return signer(a.roots, h, now) != nil
}

// Roots are the authority's roots.
func (a *Authority) Roots() []*x509.Certificate {
	a.mu.Lock()
	defer a.mu.Unlock()
	var all []*x509.Certificate
	for _, r := range a.roots {
		all = append(all, r.cert)
	}
	return all
}

// Pool is a pool of the authority's roots.
func (a *Authority) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	for _, cert := range a.Roots() {
		pool.AddCert(cert)
	}
	return pool
}

// PEM is what the file at Path holds.
func (a *Authority) PEM() []byte { return bundle(a.Roots()) }

func bundle(roots []*x509.Certificate) (out []byte) {
	for _, cert := range roots {
		out = append(out, pem.EncodeToMemory(&pem.Block{Type: pemCert, Bytes: cert.Raw})...)
	}
	return out
}

// rootFor returns the root that signs for that host now, and makes it or its
// successor if need be.
func (a *Authority) rootFor(h host, now time.Time) (*root, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	expired := len(a.roots) > 0 && a.roots[0].left(now) <= 0
	if r := signer(a.roots, h, now); r != nil && !expired && !needsSuccessor(a.roots, h, now) {
		return r, nil
	}
	roots, err := a.renew(h, now)
	if err != nil {
		return nil, words.Error("authority", "why", err)
	}
	a.roots = roots
	return signer(roots, h, now), nil
}

// renew reads the roots from disk, where another program may have made some,
// adds what is missing and drops what has expired. a.mu is held.
func (a *Authority) renew(h host, now time.Time) ([]*root, error) {
	st, err := openStore(a.dir)
	if err != nil {
		return nil, err
	}
	defer st.close()
	roots, err := st.roots(now)
	if err != nil {
		return nil, err
	}
	if needsSuccessor(roots, h, now) {
		made, err := newRoot(h, now)
		if err != nil {
			return nil, err
		}
		if made, err = st.addRoot(made); err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(roots, func(r *root) bool { return r.cert.Equal(made.cert) }) {
			roots = append(roots, made)
		}
		sortRoots(roots)
		var gone []host
		if roots, gone = st.bound(roots); len(gone) > 0 {
			a.mint.forgetHosts(gone)
		}
	}
	return roots, st.writeBundle(now)
}
