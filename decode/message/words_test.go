package message_test

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/traditionalchinese"

	"smtptap/decode/message"
)

// in encodes s, for test data.
func in(t testing.TB, e encoding.Encoding, s string) string {
	t.Helper()
	out, err := e.NewEncoder().String(s)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func b(charset, bytes string) string {
	return "=?" + charset + "?B?" + base64.StdEncoding.EncodeToString([]byte(bytes)) + "?="
}

func problemIDs(problems []message.Problem) []string {
	var ids []string
	for _, p := range problems {
		ids = append(ids, p.ID)
	}
	return ids
}

func TestReadText(t *testing.T) {
	gbk := in(t, simplifiedchinese.GBK, "请使用授权码登录")
	for _, c := range []struct {
		name, value, want string
		problems          []string
	}{
		{"plain", "hello", "hello", nil},
		{"B", "=?UTF-8?B?5piT6IGU5LqR6aqM6K+B56CB?=", "易联云验证码", nil},
		{"Q", "=?utf-8?Q?h=C3=A4llo_w=5Frld?=", "hällo w_rld", nil},
		{"lower case encoding and hex", "=?utf-8?q?=e4=bd=a0?=", "你", nil},
		{"empty text", "=?utf-8?Q??=", "", nil},
		{"language suffix", "=?us-ascii*en?Q?Keith?=", "Keith", nil},
		{"text around", "Re: =?utf-8?Q?a?= b", "Re: a b", nil},
		{"adjacent words join", "=?utf-8?Q?a?= \t =?utf-8?B?Yg==?=", "ab", nil},
		{"adjacent words of two charsets", "=?iso-8859-1?Q?=E4?= =?utf-8?Q?=C3=B6?=", "äö", nil},
		{"text between words keeps its spaces", "=?utf-8?Q?a?= x =?utf-8?Q?b?=", "a x b", nil},
		{"in a comment", "(=?utf-8?Q?a?=)", "(a)", nil},
		{"not words", "=? =?x =?x?y =?x?q?y 2 = 3 ?", "=? =?x =?x?y =?x?q?y 2 = 3 ?", nil},
		{"unknown encoding", "=?utf-8?X?abc?=", "=?utf-8?X?abc?=", nil},

		{"character split between words", b("utf-8", "易联\xe4\xba") + " " + b("utf-8", "\x91验"), "易联云验", []string{message.WordSplit}},
		{"split in GBK", b("gbk", "\xc7\xeb\xca") + " " + b("gbk", "\xb9"), "请使", []string{message.WordSplit}},
		{"split and really bad", b("utf-8", "\xe4\xba") + " " + b("utf-8", "\x91\xff"), "云\xff", []string{message.WordSplit, message.WordMisfit}},
		{"too long", "=?utf-8?Q?" + strings.Repeat("a", 70) + "?=", strings.Repeat("a", 70), []string{message.WordTooLong}},
		{"spaces inside Q", "=?UTF-8?Q?a b?=", "a b", []string{message.WordMalformed}},
		{"spaces inside B", "=?UTF-8?B?5L2g 5aW9?=", "你好", []string{message.WordMalformed}},
		{"no padding", "=?UTF-8?B?YQ?=", "a", []string{message.WordMalformed}},
		{"not base64", "=?UTF-8?B?*?=", "=?UTF-8?B?*?=", []string{message.WordMalformed}},
		{"bad escape", "=?UTF-8?Q?100=?=", "100=", []string{message.WordMalformed}},
		{"raw question mark", "=?UTF-8?Q?why?_so?=", "why? so", []string{message.WordMalformed}},
		{"raw bytes in Q", "=?UTF-8?Q?你?=", "你", []string{message.WordMalformed}},
		{"no charset", "=??Q?a?=", "=??Q?a?=", []string{message.WordMalformed}},
		{"no space in front", "a=?UTF-8?Q?b?=", "ab", []string{message.WordMalformed}},
		{"no space after", "=?UTF-8?Q?b?=a", "ba", []string{message.WordMalformed}},
		{"no space between", "=?UTF-8?Q?a?==?UTF-8?Q?b?=", "ab", []string{message.WordMalformed}},
		{"unknown charset", "=?klingon?Q?a?= =?utf-8?Q?b?=", "=?klingon?Q?a?= b", []string{message.WordCharset}},
		{"charset without a decoder", "=?iso-2022-kr?Q?a?=", "=?iso-2022-kr?Q?a?=", []string{message.WordCharset}},
		{"bytes do not fit", "=?utf-8?Q?a=FFb?=", "a\xffb", []string{message.WordMisfit}},
		{"UTF-8 declared as Latin 1", "=?iso-8859-1?Q?h=C3=A4llo?=", "hÃ¤llo", []string{message.WordMisfit}},
		{"UTF-8 declared as ASCII", "=?us-ascii?Q?h=C3=A4llo?=", "hällo", []string{message.WordMisfit}},
		{"encoded twice", b("utf-8", "=?utf-8?Q?a?="), "=?utf-8?Q?a?=", []string{message.WordTwice}},

		{"raw UTF-8", "Grüße", "Grüße", []string{message.RawEightBit}},
		{"raw GBK", gbk, "请使用授权码登录", []string{message.RawUnknownChars}},
		{"raw GBK and a word", gbk + " =?utf-8?Q?=C3=A4?= " + gbk, "请使用授权码登录 ä 请使用授权码登录", []string{message.RawUnknownChars}},
		{"raw Latin 1", "h\xe4llo", "hällo", []string{message.RawUnknownChars}},
	} {
		got := message.ReadText(c.value)
		if got.Value != c.want {
			t.Errorf("%s: ReadText(%q) = %q, want %q", c.name, c.value, got.Value, c.want)
		}
		if ids := problemIDs(got.Problems); !slices.Equal(ids, c.problems) {
			t.Errorf("%s: ReadText(%q) has the problems %q, want %q", c.name, c.value, ids, c.problems)
		}
		if words := message.Words(c.value); words != got.Value {
			t.Errorf("%s: Words and ReadText differ: %q, %q", c.name, words, got.Value)
		}
	}
}

func TestCharsets(t *testing.T) {
	const chinese, traditional, japaneseText, koreanText, russian = "中文验证码", "中文驗證碼", "日本語テスト", "한국어", "Привет"
	for _, c := range []struct {
		names string
		enc   encoding.Encoding
		text  string
	}{
		{"gb2312 GBK gb18030 cp936 x-gbk ms936 windows-936 euc-cn gb_2312-80", simplifiedchinese.GBK, chinese},
		{"gb18030", simplifiedchinese.GB18030, "𠮷野家"},
		{"hz-gb-2312 hz", simplifiedchinese.HZGB2312, chinese},
		{"big5 Big5-HKSCS cp950 ms950 x-x-big5", traditionalchinese.Big5, traditional},
		{"shift_jis sjis cp932 windows-31j ms_kanji shift-jis", japanese.ShiftJIS, japaneseText},
		{"iso-2022-jp csISO2022JP cp50220 iso-2022-jp-ms", japanese.ISO2022JP, japaneseText},
		{"euc-jp x-euc-jp eucjp", japanese.EUCJP, japaneseText},
		{"euc-kr ks_c_5601-1987 cp949 uhc ms949 ksc5601", korean.EUCKR, koreanText},
		{"koi8-r KOI8R", charmap.KOI8R, russian},
		{"koi8-u", charmap.KOI8U, russian},
		{"windows-1251 cp1251", charmap.Windows1251, russian},
		{"iso-8859-5", charmap.ISO8859_5, russian},
		{"windows-1252 iso-8859-1 latin1 iso8859-1 ISO_8859-1", charmap.Windows1252, "Grüße"},
		{"iso-8859-15", charmap.ISO8859_15, "5 €"},
		{"windows-874 tis-620", charmap.Windows874, "ภาษาไทย"},
		{"ibm866 cp866", charmap.CodePage866, russian},
		{"utf-8 utf8 UTF8MB4 \"utf-8\" utf-8; x-utf_8j", encoding.Nop, chinese},
	} {
		for name := range strings.SplitSeq(c.names, " ") {
			word := b(name, in(t, c.enc, c.text))
			got := message.ReadText(word)
			if got.Value != c.text || len(got.Problems) > 0 {
				t.Errorf("%s: ReadText(%s) = %q with %v, want %q", name, word, got.Value, got.Problems, c.text)
			}
		}
	}
	if got := message.Words("=?utf-16be?B?T2BZfQ==?="); got != "你好" {
		t.Errorf("UTF-16: %q", got)
	}
}

func TestGuess(t *testing.T) {
	for _, c := range []struct {
		enc     encoding.Encoding
		text    string
		charset string
	}{
		{encoding.Nop, "plain", "us-ascii"},
		{encoding.Nop, "你好", "utf-8"},
		{simplifiedchinese.GBK, "535 Error: 请使用授权码登录。详情请看: http://mail.example.com", "gb18030"},
		{simplifiedchinese.GBK, "您好，“世界”", "gb18030"},
		{traditionalchinese.Big5, "中文驗證碼寄送失敗，請稍後再試", "big5"},
		{japanese.ShiftJIS, "メールを送信できませんでした。", "shift_jis"},
		{charmap.Windows1252, "Grüße aus Köln, façade", "windows-1252"},
		{charmap.Windows1252, "é", "windows-1252"},
	} {
		text, charset := message.Guess([]byte(in(t, c.enc, c.text)))
		if text != c.text || charset != c.charset {
			t.Errorf("Guess(%s in %s) = %q, %s", c.text, c.charset, text, charset)
		}
	}
}

func FuzzReadText(f *testing.F) {
	f.Add("=?UTF-8?B?5piT6IGU5LqR?= =?utf-8?q?=E4?= \xc4\xe3\xba\xc3 =?x")
	f.Add("=?gb2312?B?xOO6ww==?==?iso-2022-jp?B?GyRCRnxLXBsoQg==?=")
	f.Add("=?utf-8?Q?=3D=3Futf-8=3FQ=3Fa=3F=3D?=")
	f.Fuzz(func(t *testing.T, value string) {
		got := message.ReadText(value)
		if !strings.Contains(value, "=?") && got.Guessed == "" && got.Value != value {
			t.Errorf("ReadText(%q) = %q, though there was nothing to decode", value, got.Value)
		}
		// The worst charset writes one byte as three.
		if len(got.Value) > 3*len(value) {
			t.Errorf("ReadText(%q) grows to %d bytes", value, len(got.Value))
		}
		message.Addresses(value)
		message.ReadStructured(value)
	})
}

// BenchmarkHeaderValues reads hostile values of n and 2n pieces: the times of
// a pair must stay near 1 to 2.
func BenchmarkHeaderValues(bench *testing.B) {
	for _, c := range []struct {
		name string
		make func(n int) string
		read func(string)
	}{
		{"words", func(n int) string { return strings.Repeat("=?utf-8?Q?a?= ", n) }, func(s string) { message.ReadText(s) }},
		{"unfinished-words", func(n int) string { return strings.Repeat("=?x?q? ", n) }, func(s string) { message.ReadText(s) }},
		{"one-end", func(n int) string { return strings.Repeat("=?x?q? ", n) + "?=" }, func(s string) { message.ReadText(s) }},
		{"markers", func(n int) string { return strings.Repeat("=?", n) }, func(s string) { message.ReadText(s) }},
		{"charset-changes", func(n int) string { return strings.Repeat("=?utf-8?Q?=E4?= =?gbk?Q?=E4?= ", n) }, func(s string) { message.ReadText(s) }},
		{"comments", func(n int) string { return "a " + strings.Repeat("(x)", n) + " <a@example.com>" }, func(s string) { message.Addresses(s) }},
		{"nested-comments", func(n int) string { return strings.Repeat("(", n) }, func(s string) { message.Addresses(s) }},
		{"brackets", func(n int) string { return strings.Repeat("<", n) }, func(s string) { message.Addresses(s) }},
		{"colons", func(n int) string { return strings.Repeat("a", n) + "@" + strings.Repeat(":", n) }, func(s string) { message.Addresses(s) }},
		{"continuations", func(n int) string {
			var s strings.Builder
			s.WriteString("a/b")
			for i := range n {
				fmt.Fprintf(&s, ";x*%d*=%%41", i)
			}
			return s.String()
		}, func(s string) { message.ReadStructured(s) }},
		{"same-parameter", func(n int) string { return "a/b" + strings.Repeat(";x=1", n) }, func(s string) { message.ReadStructured(s) }},
		{"quotes", func(n int) string { return "a/b;x=" + strings.Repeat(`"`, n) }, func(s string) { message.ReadStructured(s) }},
	} {
		for _, n := range []int{50_000, 100_000} {
			value := c.make(n)
			bench.Run(fmt.Sprintf("%s/%d", c.name, n), func(bench *testing.B) {
				bench.ReportAllocs()
				for bench.Loop() {
					c.read(value)
				}
			})
		}
	}
}
