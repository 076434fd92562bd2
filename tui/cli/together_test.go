package cli

import (
	"strings"
	"testing"
)

// What would be ignored, or says two things, is wrong usage.
func TestTogether(t *testing.T) {
	dir := t.TempDir()
	for _, line := range []string{
		"show --keep-domains", "diff a b --keep-domains", "export -f text --keep-domains", "show --seen-as 192.0.2.1", "show --resolver 192.0.2.1",
		"--once --count 3", "-v -q", "run -v -q -- true", "findings AUTH-BAD-CREDENTIALS --markdown", "view k3f9 --match sent", "view k3f9 --newer 2d",
	} {
		if status, out, complaint := smtptap(t, nil, strings.Fields(line)...); status != exitUsage || out != "" || strings.Count(complaint, "\n") != 2 {
			t.Errorf("%s: status %d, %s%s", line, status, out, complaint)
		}
	}
	t.Setenv("SMTPTAP_KEEP_DOMAINS", "true")
	t.Setenv("SMTPTAP_RESOLVER", "192.0.2.1")
	t.Setenv("SMTPTAP_SEEN_AS", "192.0.2.1")
	status, id, complaint := smtptap(t, nil, "import", captured(t, 1), "-w", dir)
	if status != exitFine {
		t.Fatal(complaint)
	}
	if status, _, complaint := smtptap(t, nil, "show", "-w", dir, strings.TrimSpace(id)); status != exitFine {
		t.Errorf("variables for other commands: status %d, %s", status, complaint)
	}
}
