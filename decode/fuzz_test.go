package decode_test

import (
	"bytes"
	"reflect"
	"strings"
	"testing"
	"time"

	"smtptap/decode"
	"smtptap/decode/who"
)

// plan turns fuzz bytes into turns: each turn begins with a byte that says who
// speaks and how long.
func plan(data []byte) []turn {
	var turns []turn
	for len(data) > 1 {
		side := who.Client
		if data[0]&1 == 1 {
			side = who.Server
		}
		n := min(int(data[0]>>1)+1, len(data)-1)
		turns = append(turns, turn{side, string(data[1 : 1+n])})
		data = data[1+n:]
	}
	return turns
}

func planned(t testing.TB, text string) []byte {
	var out []byte
	for _, tn := range script(t, text) {
		for p := []byte(tn.text); len(p) > 0; {
			n := min(len(p), 128)
			head := byte((n - 1) << 1)
			if tn.side == who.Server {
				head |= 1
			}
			out = append(append(out, head), p[:n]...)
			p = p[n:]
		}
	}
	return out
}

// FuzzDialogue: never panics, other cuts give the same events, spans tile the
// streams, and what was recorded reads as what was live.
func FuzzDialogue(f *testing.F) {
	for _, text := range scripts {
		f.Add(planned(f, text), uint8(3))
	}
	f.Fuzz(func(t *testing.T, data []byte, size uint8) {
		turns := plan(data)
		want := run(turns, whole)
		checkTiles(t, "fuzz", want)
		checkFed(t, turns, want)
		got := run(turns, func(n int) int { return min(n, int(size)%16+1) })
		if !reflect.DeepEqual(got.events, want.events) {
			t.Fatalf("other cuts:\n%s\nwant\n%s", shown(got.events), shown(want.events))
		}
		if len(want.events) == 0 {
			return
		}
		if got := replay(want); !reflect.DeepEqual(got.events, want.events) {
			t.Fatalf("recorded:\n%s\nwant\n%s", shown(got.events), shown(want.events))
		}
	})
}

// checkFed proves that every byte that was fed is accounted for by a piece.
func checkFed(t testing.TB, turns []turn, r *recorder) {
	t.Helper()
	var fed, told [3]int
	for _, tn := range turns {
		fed[tn.side] += len(tn.text)
	}
	for _, p := range r.pieces {
		told[p.Side] += p.Fed
	}
	if fed != told {
		t.Fatalf("fed %v bytes, pieces stand for %v\n%s", fed, told, shown(r.events))
	}
}

// FuzzSecrets: a password that is sent in an AUTH exchange, cut anywhere, is in
// nothing that a recorder is given.
func FuzzSecrets(f *testing.F) {
	const canary = "cAnArY-pAsSwOrD-4711"
	f.Add("PLAIN", uint8(0), uint8(1), "235 ok")
	f.Add("LOGIN", uint8(1), uint8(5), "535 no")
	f.Add("XOAUTH2", uint8(2), uint8(3), "334 eyJzdGF0dXMiOiI0MDAifQ==")
	f.Add("cram-md5", uint8(3), uint8(9), "504 what")
	f.Fuzz(func(t *testing.T, mech string, form, size uint8, reply string) {
		secret := b64("\x00user@example.com\x00" + canary)
		lines := []string{
			"AUTH " + mech + " " + secret + "\r\n",
			"AUTH " + mech + "\r\n" + secret + "\r\n",
			"auth " + mech + "\r\n" + b64("user@example.com") + "\r\n" + b64(canary) + "\r\n",
			"Auth\t" + mech + "  " + secret,
		}
		turns := []turn{{who.Server, "220 mx\r\n"}, {who.Client, lines[int(form)%len(lines)]}, {who.Server, reply + "\r\n"},
			{who.Client, b64(canary) + "\r\n"}, {who.Server, "500 " + b64(canary) + "?\r\n"}}
		if int(form)%len(lines) == 3 {
			turns = turns[:3] // the line has no end, so nothing else can begin
		}
		r := run(turns, func(n int) int { return min(n, int(size)+1) })
		for _, side := range []who.Party{who.Client, who.Server} {
			for _, form := range []string{canary, b64(canary), secret} {
				if bytes.Contains(r.raw[side], []byte(form)) {
					t.Fatalf("%s stream holds the secret:\n%q\n%s", side, r.raw[side], shown(r.events))
				}
			}
		}
	})
}

// BenchmarkBody feeds message text as it is, and as nobody sends it.
func BenchmarkBody(b *testing.B) {
	line := strings.Repeat("x", 76) + "\r\n"
	for _, kind := range []struct{ name, line string }{
		{"lines", line}, {"8-bit", "\xe4" + line}, {"bare LF", strings.ReplaceAll(line, "\r", "")},
		{"bare CR", strings.ReplaceAll(line, "\n", "")}, {"CRs", "\r"}, {"no line end", "x"},
	} {
		b.Run(kind.name, func(b *testing.B) {
			body := []byte(strings.Repeat(kind.line, 64<<10/len(kind.line)))
			var d decode.Dialogue
			for _, tn := range []turn{{who.Server, "220 mx\r\n"}, {who.Client, "DATA\r\n"}, {who.Server, "354 go\r\n"}, {who.Client, "Subject: x\r\n\r\n"}} {
				d.Feed(0, tn.side, []byte(tn.text))
			}
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				d.Feed(time.Second, who.Client, body)
			}
		})
	}
}

func BenchmarkSession(b *testing.B) {
	turns := script(b, scripts["a message"])
	b.ReportAllocs()
	for b.Loop() {
		var d decode.Dialogue
		for _, tn := range turns {
			d.Feed(0, tn.side, []byte(tn.text))
		}
	}
}
