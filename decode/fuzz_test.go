package decode_test

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
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
	for _, tn := range script(text) {
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

// FuzzSecrets: a password that is said anywhere, in any protocol, and repeated
// in any notation, cut anywhere, is in nothing that a recorder is given.
func FuzzSecrets(f *testing.F) {
	ways := slices.Sorted(maps.Keys(written))
	f.Add("x", uint8(0), uint8(1), uint8(1), "PLAIN", "235 ok")
	f.Add("=+.", uint8(9), uint8(5), uint8(5), "LOGIN", "535 no")
	f.Add("$-_", uint8(40), uint8(12), uint8(3), "XOAUTH2", "334 eyJzdGF0dXMiOiI0MDAifQ==")
	f.Add("", uint8(70), uint8(22), uint8(9), "cram-md5", "504-what\r\n504 what")
	f.Fuzz(func(t *testing.T, password string, where, way, size uint8, mech, reply string) {
		secret := "cAnArY" + strings.Map(func(r rune) rune {
			if r > ' ' && r < 127 && !strings.ContainsRune("\"\\%;<>@/'`,:", r) {
				return r
			}
			return -1
		}, password[:min(len(password), 40)]) + "4711xQ"
		turns := places[int(where)%len(places)].turns(secret)
		turns = append(turns, turn{who.Client, "AUTH " + mech + " " + b64("\x00u\x00"+secret) + "\r\n"}, turn{who.Server, reply + "\r\n"},
			turn{who.Client, b64(secret) + "\r\n"}, turn{who.Server, "500-what is\r\n500-" + written[ways[int(way)%len(ways)]](secret) + "\r\n500 then?\r\n"})
		want := run(turns, whole)
		checkTiles(t, "fuzz", want)
		checkFed(t, turns, want)
		checkNoLeak(t, want, secret)
		if got := run(turns, func(n int) int { return min(n, int(size)+1) }); !reflect.DeepEqual(got.events, want.events) {
			t.Fatalf("other cuts:\n%s\nwant\n%s", shown(got.events), shown(want.events))
		}
		if got := replay(want); !reflect.DeepEqual(got.events, want.events) {
			t.Fatalf("recorded:\n%s\nwant\n%s", shown(got.events), shown(want.events))
		}
	})
}

// BenchmarkRepeats reads replies to a session with many logins, as large as a
// server may send them.
func BenchmarkRepeats(b *testing.B) {
	for _, kind := range []struct{ name, word string }{{"words", "no such user here "}, {"base64", b64("\x00some\x00thing else") + " "}, {"hex", "00ff17"}, {"escapes", "%41=42+43"}} {
		b.Run(kind.name, func(b *testing.B) {
			var d decode.Dialogue
			d.Feed(0, who.Server, []byte("220 mx\r\n"))
			for i := range 100 {
				d.Feed(0, who.Client, []byte("AUTH PLAIN "+b64(fmt.Sprintf("\x00user\x00password-%d", i))+"\r\n"))
				d.Feed(0, who.Server, []byte("535 no\r\n"))
			}
			reply := []byte("550 " + strings.Repeat(kind.word, 500/len(kind.word)) + "\r\n")
			b.SetBytes(int64(len(reply)))
			b.ReportAllocs()
			for b.Loop() {
				d.Feed(time.Second, who.Server, reply)
			}
		})
	}
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
	turns := script(scripts["a message"])
	b.ReportAllocs()
	for b.Loop() {
		var d decode.Dialogue
		for _, tn := range turns {
			d.Feed(0, tn.side, []byte(tn.text))
		}
	}
}
