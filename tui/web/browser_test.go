package web_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"smtptap/decode/facts"
	"smtptap/decode/lang"
	"smtptap/recordings/transcript"
)

// A tab is one of a browser, and what its console says.
type tab struct {
	context.Context
	t   *testing.T
	mu  sync.Mutex
	odd []string
}

// openTab opens an address in Chromium.
func openTab(t *testing.T, address string) *tab {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		if os.Getenv("SMTPTAP_E2E") == "require" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.WindowSize(1200, 900), chromedp.WSURLReadTimeout(time.Minute))
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, 2*time.Minute)
	t.Cleanup(cancel)
	b := &tab{Context: ctx, t: t}
	chromedp.ListenTarget(ctx, func(event any) {
		switch event := event.(type) {
		case *runtime.EventConsoleAPICalled:
			b.note(fmt.Sprint("console ", event.Type))
		case *runtime.EventExceptionThrown:
			b.note(event.ExceptionDetails.Error())
		case *log.EventEntryAdded:
			b.note(event.Entry.Text)
		case *page.EventJavascriptDialogOpening:
			b.note("a dialog: " + event.Message)
		}
	})
	t.Cleanup(func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		if len(b.odd) > 0 {
			t.Errorf("the console says %q", b.odd)
		}
	})
	b.run(log.Enable(), chromedp.Navigate(address), chromedp.WaitReady("#live"))
	return b
}

func (b *tab) note(what string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.odd = append(b.odd, what)
}

func (b *tab) run(actions ...chromedp.Action) {
	b.t.Helper()
	if err := chromedp.Run(b, actions...); err != nil {
		b.t.Fatal(err)
	}
}

// until waits for an expression to be true.
func (b *tab) until(expression string) {
	b.t.Helper()
	var is bool
	for deadline := time.Now().Add(20 * time.Second); !is; time.Sleep(20 * time.Millisecond) {
		// While a page goes there is nothing to ask.
		if err := chromedp.Run(b, chromedp.Evaluate(expression, &is)); err != nil {
			is = false
		}
		if !is && (b.Err() != nil || time.Now().After(deadline)) {
			var text string
			chromedp.Run(b, chromedp.Evaluate("location.href + document.body.innerText.slice(0, 3000)", &text))
			b.t.Fatalf("never: %s\n%s", expression, text)
		}
	}
}

// loaded waits for a page with such an element, and its script.
func (b *tab) loaded(element string) {
	b.t.Helper()
	b.until(`document.readyState == "complete" && document.querySelector("` + element + `") != null`)
}

const focused = `document.activeElement.closest("tr")?.innerText ?? ""`

func TestBrowser(t *testing.T) {
	set, address := serve(t, lang.English)
	for _, from := range []string{"one", "two", "three"} {
		sent(set, from+"@example.com", "from "+from)
	}
	b := openTab(t, address)
	b.until(`document.querySelectorAll("tbody tr").length == 3 && location.search == ""`)

	t.Log("keys")
	b.run(chromedp.KeyEvent("j"))
	b.until(`(` + focused + `).includes("three@")`)
	b.run(chromedp.KeyEvent("jjk"))
	b.until(`(` + focused + `).includes("two@")`)
	b.run(chromedp.KeyEvent(kb.Enter))
	b.loaded(".verdict")
	b.until(`document.body.innerText.includes("MAIL FROM:<two@example.com>")`)
	b.run(chromedp.KeyEvent("q"))
	b.loaded("table")
	b.run(input.DispatchKeyEvent(input.KeyDown).WithKey("/").WithText("/"), input.DispatchKeyEvent(input.KeyUp).WithKey("/"), chromedp.KeyEvent("from:one"), chromedp.KeyEvent(kb.Enter))
	b.until(`document.querySelectorAll("tbody tr").length == 1 && document.querySelector("input").value == "from:one"`)

	t.Log("what runs is followed")
	b.run(chromedp.Navigate(address))
	b.loaded("table")
	b.run(chromedp.KeyEvent("j"))
	l := set.Begin(transcript.Session{})
	say(l, "S: 220 x", "C: EHLO x", "S: 250 x")
	b.until(`document.querySelectorAll("tbody tr").length == 4 && (` + focused + `).includes("three@")`)
	b.run(chromedp.KeyEvent("k"), chromedp.KeyEvent(kb.Enter))
	b.loaded("ol")
	say(l, "C: MAIL FROM:<late@example.com>", "S: 250 ok")
	b.until(`document.body.innerText.includes("late@example.com")`)
	l.End(facts.End{Cause: facts.CauseByHand, Err: "it was closed by hand"})
	b.until(`document.body.innerText.includes("closed by hand")`)

	t.Log("light, dark, and a phone")
	backs := map[string]bool{}
	for _, scheme := range []string{"light", "dark"} {
		var back string
		b.run(emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}),
			chromedp.Evaluate("getComputedStyle(document.body).backgroundColor", &back))
		backs[back] = true
		b.picture(scheme)
	}
	if len(backs) != 2 {
		t.Errorf("light and dark have the same background: %v", backs)
	}
	b.run(chromedp.EmulateViewport(360, 740))
	for name, at := range map[string]string{"phone-session": "", "phone-list": address} {
		if at != "" {
			b.run(chromedp.Navigate(at), chromedp.WaitReady("table"))
		}
		var width int
		b.run(chromedp.Evaluate("document.documentElement.scrollWidth", &width))
		if b.picture(name); width > 360 {
			t.Errorf("%s is %d wide", name, width)
		}
	}
}

// picture saves what the tab shows, where somebody wants to look at it.
func (b *tab) picture(name string) {
	dir := os.Getenv("SMTPTAP_PICTURES")
	if dir == "" {
		return
	}
	var png []byte
	b.run(chromedp.CaptureScreenshot(&png))
	if err := os.WriteFile(dir+"/"+name+".png", png, 0o600); err != nil {
		b.t.Fatal(err)
	}
}

// Nothing that a peer says becomes an element, runs or is fetched.
func TestHostileStrings(t *testing.T) {
	set, address := serve(t, lang.English)
	attacks := []string{
		`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `'"--></style></script><svg onload=alert(1)>`, `</td></tr></table><iframe src=javascript:alert(1)>`,
		`{{.}}{{template "x"}}`, `javascript:alert(1)`, `&lt;img src=x onerror=alert(1)&gt;`, `<base href=//192.0.2.9/>`, `<meta http-equiv=refresh content=0;url=//192.0.2.9>`,
		"\x1b[2J\u202e\u0000\x85", `<form action=//192.0.2.9><button>`, `<link rel=stylesheet href=//192.0.2.9>`, "<math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
	}
	for _, attack := range attacks {
		l := set.Begin(transcript.Session{Target: attack})
		say(l, "S: 220 "+attack, "C: EHLO "+attack, "S: 250 x", "C: MAIL FROM:<"+attack+"@x>", "S: 250 "+attack, "C: RCPT TO:<"+attack+"@y>", "S: 550 "+attack, "C: DATA", "S: 554 "+attack)
		l.End(facts.End{Cause: facts.CauseClosed, Err: facts.Plain(attack)})
	}
	b := openTab(t, address)
	const count = `document.querySelectorAll("img, iframe, base, meta[http-equiv], math, mtext, script:not([src]), table ~ form").length + document.querySelectorAll("form").length - 1`
	var bad int
	b.run(chromedp.Evaluate(count, &bad))
	if bad != 0 {
		t.Errorf("the list has %d elements that it should not", bad)
	}
	var links []string
	b.run(chromedp.Evaluate(`[...document.querySelectorAll("tbody a")].map(a => a.href)`, &links))
	if len(links) != len(attacks) {
		t.Fatalf("%d rows", len(links))
	}
	for _, link := range links {
		b.run(chromedp.Navigate(link), chromedp.WaitReady("ol"), chromedp.Evaluate(count, &bad))
		if bad != 0 || !strings.HasPrefix(link, address[:len("http://127.0.0.1:")]) {
			t.Errorf("%s has %d elements that it should not", link, bad)
		}
	}
}
