package export_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"runtime"
	"strings"
	"testing"

	"smtptap/decode"
	"smtptap/decode/lang"
	"smtptap/decode/who"
	"smtptap/recordings/export"
)

// withBody is a transcript with one body that repeats a text so many times. It
// is made as it is read.
func withBody(text string, times int) *decode.Transcript {
	size := int64(len(text) * times)
	return &decode.Transcript{Ended: true, Entries: []decode.Entry{{From: who.Client, To: who.Server, Event: &decode.Event{
		Side: who.Client, Kind: decode.KindBody, Span: decode.Span{End: size}, Body: &decode.Body{},
	}}}, Bytes: func(_ who.Leg, _ who.Party, s decode.Span) ([]byte, error) {
		p := make([]byte, s.Len())
		for i := range p {
			p[i] = text[(s.Start+int64(i))%int64(len(text))]
		}
		return p, nil
	}}
}

// A body is the same in JSON however it is cut while it is read.
func TestJSONBody(t *testing.T) {
	for _, text := range []string{"plain\r\n", "x\"\\\x00\x1b[31m\u202e\u2028é€\U0001f600", "\xff\x00", "\xe2\x82", "€"} {
		tr := withBody(text, 100_000)
		var b bytes.Buffer
		if err := export.JSON(&b, tr, lang.English); err != nil {
			t.Fatal(err)
		}
		var doc struct {
			Entries []struct {
				Text   *string
				Base64 string
			}
		}
		if err := json.Unmarshal(b.Bytes(), &doc); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		got := doc.Entries[0].Base64
		if doc.Entries[0].Text != nil {
			got = *doc.Entries[0].Text
		} else if raw, err := base64.StdEncoding.DecodeString(got); err == nil {
			got = string(raw)
		}
		if got != strings.Repeat(text, 100_000) {
			t.Errorf("%q came back as %.60q, %d bytes", text, got, len(got))
		}
	}
}

// What an export in JSON takes does not grow with the message.
func TestJSONStreams(t *testing.T) {
	for _, text := range []string{"The quick brown fox jumps.\r\n", "\xff\xfe\xfd"} {
		tr := withBody(text, 50<<20/len(text))
		most := &peak{}
		if err := export.JSON(most, tr, lang.English); err != nil {
			t.Fatal(err)
		}
		if most.heap > 16<<20 || most.written < 50<<20 {
			t.Errorf("%d bytes of memory for %d bytes of JSON", most.heap, most.written)
		}
	}
}

// A peak looks at how much memory is live while it is written to.
type peak struct {
	began         uint64
	heap, written int64
	next          int64
}

func (p *peak) Write(b []byte) (int, error) {
	if p.written += int64(len(b)); p.written >= p.next {
		p.next = p.written + 8<<20
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		if p.began == 0 {
			p.began = m.HeapAlloc
		}
		p.heap = max(p.heap, int64(m.HeapAlloc)-int64(p.began))
	}
	return io.Discard.Write(b)
}
