// Command netsmtp sends a message with net/smtp: netsmtp PORT PASSWORD RECIPIENT...
package main

import (
	"fmt"
	"net/smtp"
	"os"
)

func main() {
	message := "From: sender@example.com\r\nSubject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=\r\n\r\nhello\r\n"
	login := smtp.PlainAuth("", "user@example.com", os.Args[2], "127.0.0.1")
	if err := smtp.SendMail("127.0.0.1:"+os.Args[1], login, "sender@example.com", os.Args[3:], []byte(message)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
