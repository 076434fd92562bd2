package telemetry_test

import (
	"testing"

	"smtptap/proxy/telemetry"
)

func TestParseAddr(t *testing.T) {
	for text, want := range map[string]string{
		"9925": "127.0.0.1:9925", ":9925": "127.0.0.1:9925", "0": "127.0.0.1:0", "0.0.0.0:80": "0.0.0.0:80",
		"[::1]:9925": "[::1]:9925", "metrics.example:1": "metrics.example:1",
		"": "", "x": "", "65536": "", "-1": "", "localhost": "", "1.2.3.4": "", "::1": "", "a:b": "", "a:1:2": "", "127.0.0.1:": "", "http://localhost:9925": "",
	} {
		got, err := telemetry.ParseAddr(text)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q is %q, %v; want %q", text, got, err, want)
		}
	}
}
