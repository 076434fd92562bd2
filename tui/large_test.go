package tui

import "testing"

// TestLargeMessageShowsItsHeaderFirst opens a message that takes its time.
func TestLargeMessageShowsItsHeaderFirst(t *testing.T) {
	s := newScreen(t, bigMessage(t, 1_000_000, 32<<10), 100, 40, nil)
	s.press("enter")
	rest := s.update(keyNamed("2"))
	rest = s.update(rest())
	s.expect("4 fields", "Subject           large", "reading 1.0 MB")
	s.expectNot("application/octet-stream, base64")
	s.carryOut(rest)
	s.expect("4 fields", "application/octet-stream, base64", "1.0 MB in all", "SHA-256")
	s.expectNot("reading 1.0 MB")
}
