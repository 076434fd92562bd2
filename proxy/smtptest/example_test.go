package smtptest_test

import (
	"net/smtp"
	"testing"

	"smtptap/proxy/smtptest"
)

// sendWelcome is a program's own code.
func sendWelcome(server, to string) error {
	message := "From: shop@example.org\r\nTo: " + to + "\r\nSubject: Welcome\r\nDate: Fri, 02 Jan 2026 03:04:05 +0000\r\nMessage-ID: <1@shop.example.org>\r\n\r\nHello.\r\n"
	return smtp.SendMail(server, nil, "shop@example.org", []string{to}, []byte(message))
}

func Example() {
	var t testing.TB // of the test
	tap := smtptest.Start(t, smtptest.Options{})
	if err := sendWelcome(tap.Addr, "bob@example.net"); err != nil {
		t.Fatal(err)
	}
	tap.Expect("sent to:bob@example.net subject:welcome", "!finding:missing", "took<3s")
}

// What the example shows holds.
func TestExample(t *testing.T) {
	tap := smtptest.Start(t, smtptest.Options{})
	if err := sendWelcome(tap.Addr, "bob@example.net"); err != nil {
		t.Fatal(err)
	}
	tap.Expect("sent to:bob@example.net subject:welcome", "!finding:missing", "took<3s")
}
