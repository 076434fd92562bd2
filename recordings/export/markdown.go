package export

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"

	"smtptap/decode"
	"smtptap/decode/findings"
	"smtptap/decode/lang"
)

// issueLimit is how many characters GitHub takes for the text of an issue.
const issueLimit = 65536

// Markdown writes the session for an issue or forum: facts, verdict and
// findings, with the dialogue in a part that is folded. It fits into an issue
// of GitHub; a dialogue that does not is cut in the middle.
func Markdown(w io.Writer, t *decode.Transcript, l lang.Lang) error {
	report := findings.Analyze(t, l)
	var head bytes.Buffer
	fmt.Fprintf(&head, "### %s\n\n", MarkdownText(report.Verdict.Text))
	for _, r := range headOf(t, l) {
		fmt.Fprintf(&head, "- **%s**: %s\n", MarkdownText(r.Label), MarkdownText(r.Value))
	}
	markdownFindings(&head, report, l)
	open, shut := "\n<details><summary>"+words.Say(l, "dialogue")+"</summary>\n\n", "\n</details>\n"
	text, err := dialogueText(t, l)
	if err != nil {
		return err
	}
	fence := fenceFor(text)
	room := issueLimit - head.Len() - len(open) - len(shut) - 2*len(fence) - len("text\n\n")
	if room < 200 {
		// Findings alone fill the issue; the dialogue is what can be spared.
		_, err = w.Write(cutTo(head.Bytes(), issueLimit))
		return err
	}
	text = cutMiddle(text, room, l)
	_, err = fmt.Fprintf(w, "%s%s%stext\n%s%s\n%s", head.Bytes(), open, fence, text, fence, shut)
	return err
}

// markdownFindings writes the findings: what happened, why, and the steps that
// fix it, those of the client that the session shows with its code.
func markdownFindings(w io.Writer, report findings.Report, l lang.Lang) {
	for _, f := range report.Findings {
		fmt.Fprintf(w, "\n**%s** (`%s`)\n\n%s\n\n", MarkdownText(headline(f.Severity, f.Text, l)), f.ID, MarkdownText(f.Why))
		for _, step := range f.Fix.Steps {
			fmt.Fprintf(w, "- %s\n", MarkdownText(step))
		}
		own, found := f.Fix.For(report.Client)
		if !found {
			continue
		}
		for _, step := range own.Steps {
			fmt.Fprintf(w, "- %s: %s\n", own.Name, MarkdownText(step))
		}
		if own.Code != "" {
			fence := fenceFor(own.Code)
			fmt.Fprintf(w, "\n%s\n%s\n%s\n", fence, own.Code, fence)
		}
	}
}

// dialogueText is the text form without the findings, which stand above it.
func dialogueText(t *decode.Transcript, l lang.Lang) (string, error) {
	var b bytes.Buffer
	p := NewTextPrinter(&b, TextOptions{Lang: l})
	for i := range t.Entries {
		p.entry(t, i)
	}
	return b.String(), p.err
}

// fenceFor is a fence that nothing in the text can close.
func fenceFor(text string) string {
	fence := "```"
	for strings.Contains(text, fence) {
		fence += "`"
	}
	return fence
}

// MarkdownText keeps text from being anything but text: no markup, no HTML,
// no mention of users or issues.
func MarkdownText(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch r {
		case '\\', '`', '*', '_', '{', '}', '[', ']', '(', ')', '#', '+', '!', '|', '~':
			b.WriteByte('\\')
			b.WriteRune(r)
		case '<':
			b.WriteString("&lt;")
		case '>':
			b.WriteString("&gt;")
		case '&':
			b.WriteString("&amp;")
		case '@':
			b.WriteString("&#64;")
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// cutMiddle takes lines out of the middle of text until it has at most room
// bytes: how a session began and how it ended matter most.
func cutMiddle(text string, room int, l lang.Lang) string {
	if len(text) <= room {
		return text
	}
	lines := strings.SplitAfter(text, "\n")
	mark := func(n int) string { return words.Say(l, "lines-left-out", "count", strconv.Itoa(n)) + "\n" }
	room -= len(mark(len(lines)))
	head, tail := 0, len(lines)
	for used := 0; head < tail; {
		next := lines[head]
		fromTail := head > len(lines)-tail
		if fromTail {
			next = lines[tail-1]
		}
		if used+len(next) > room {
			break
		}
		used += len(next)
		if fromTail {
			tail--
		} else {
			head++
		}
	}
	return strings.Join(lines[:head], "") + mark(tail-head) + strings.Join(lines[tail:], "")
}

// cutTo cuts at a line end.
func cutTo(p []byte, most int) []byte {
	if len(p) <= most {
		return p
	}
	return p[:bytes.LastIndexByte(p[:most], '\n')+1]
}
