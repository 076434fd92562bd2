package tui

import (
	"encoding/base64"
	"encoding/hex"
	"strings"
	"testing"
)

const canary = "cAnArYcOrE4711"

// leaks are the ways in which the canary may be written that its plain letters
// allow.
func leaks() []string {
	digits := hex.EncodeToString([]byte(canary))
	forms := []string{canary, digits, strings.ToUpper(digits)}
	for lead := range 3 {
		e := base64.StdEncoding.EncodeToString(append(make([]byte, lead), canary...))
		forms = append(forms, e[(lead*8+5)/6:(lead+len(canary))*8/6])
	}
	return forms
}

// secretSession gives the canary away in several ways.
func secretSession() string {
	encode := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	script := wrongPasswordScript()
	return script[:strings.Index(script, "C: AUTH LOGIN")] + strings.Join([]string{
		"C: AUTH LOGIN", "S: 334 " + encode("Username:"), "C: " + encode("shop@example.com"), "S: 334 " + encode("Password:"), "C: " + encode(canary),
		"S: 535 5.7.8 not " + encode(canary),
		"C: " + encode(canary), "S: 500 5.5.2 what is " + encode(canary) + "?",
		"C: auth plain " + encode("\x00shop@example.com\x00"+canary), "S: 535 5.7.8 no " + canary,
		"C: AUTH XOAUTH2 " + encode("user=shop@example.com\x01auth=Bearer "+canary+"\x01\x01"), "S: 235 2.7.0 yes",
		"C: XCLIENT LOGIN=" + canary, "S: 550 5.7.0 no",
		"C: QUIT", "S: 221 2.0.0 bye", ""}, "\n")
}

// What is copied, and what the screen shows, holds no secret: neither of a
// session without them, nor of one that keeps them, before they are asked for.
func TestNoSecretIsCopiedOrShown(t *testing.T) {
	for name, keep := range map[string]bool{"masked": false, "kept": true} {
		t.Run(name, func(t *testing.T) {
			sim := emptySimulation(t, keep)
			sim.Play("smtp://mail.example.com:587", secretSession())
			settle(t, sim)
			s := newScreen(t, sim, 120, 60, nil)
			copied := 0
			for _, c := range copyables {
				for entry := range s.detail.Session().Entries {
					text, err := c.text(copying{s.detail.Session(), entry, false})
					if err != nil {
						continue
					}
					copied++
					noLeak(t, c.name, text)
				}
			}
			if copied < 50 {
				t.Errorf("%d texts were copied", copied)
			}
			s.press("enter", "g")
			for range 4 {
				for range s.detail.Session().Entries {
					noLeak(t, "the screen", stripped(s.view()))
					s.press("j")
				}
				s.press("g", "v")
			}
			for _, tab := range []string{"2", "3", "4", "5"} {
				s.press(tab)
				noLeak(t, "view "+tab, stripped(s.view()))
			}
		})
	}
}

// Asked for, kept secrets can be copied: the search above would find them.
func TestRevealedSecretsAreCopied(t *testing.T) {
	sim := emptySimulation(t, true)
	sim.Play("smtp://mail.example.com:587", secretSession())
	settle(t, sim)
	s := newScreen(t, sim, 120, 60, nil)
	var all strings.Builder
	for entry := range s.detail.Session().Entries {
		text, err := copying{s.detail.Session(), entry, true}.said(entry)
		if err == nil {
			all.WriteString(text)
		}
	}
	for _, form := range []string{canary, base64.StdEncoding.EncodeToString([]byte(canary))} {
		if !strings.Contains(all.String(), form) {
			t.Errorf("%q is missing in\n%s", form, all.String())
		}
	}
}

func noLeak(t *testing.T, where, text string) {
	t.Helper()
	for _, form := range leaks() {
		if strings.Contains(text, form) {
			t.Fatalf("%s holds %q:\n%s", where, form, text)
		}
	}
}
