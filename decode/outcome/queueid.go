package outcome

import (
	"regexp"
	"strings"
)

// queueIDs are how servers name a message that they took, more particular forms
// first. The id is the first group.
var queueIDs = []*regexp.Regexp{
	regexp.MustCompile(`^OK +\d{9,} ([A-Za-z0-9_-]+[.-][A-Za-z0-9._-]+) - gsmtp`),                                         // Gmail
	regexp.MustCompile(`<([^<>\s]+@[^<>\s]+)> \[[^\]]*\].*(?:Queued mail for delivery|bytes in)`),                         // Microsoft 365
	regexp.MustCompile(`<([^<>\s]+@[^<>\s]+)> Queued mail for delivery`),                                                  // Exchange
	regexp.MustCompile(`(?i)\bqueued mail for delivery.*?<?([A-Za-z0-9._-]+@[^\s>]+)`),                                    // older Microsoft
	regexp.MustCompile(`(?i)\bMail OK queued as ([^\s.]\S*)`),                                                             // NetEase
	regexp.MustCompile(`(?i)\bMessage Queued \(([0-9a-fA-F-]{8,})\)`),                                                     // Haraka
	regexp.MustCompile(`(?i)\bqueued as[: ]+<?([A-Za-z0-9][A-Za-z0-9._-]*[A-Za-z0-9])>?`),                                 // Postfix, SendGrid, QQ
	regexp.MustCompile(`(?i)\bqueued\.? id[=: ]+([A-Za-z0-9._-]{6,})`),                                                    // Zoho and others
	regexp.MustCompile(`(?i)\b(?:msg)?id[=:] ?<?([A-Za-z0-9][A-Za-z0-9._@-]{7,}[A-Za-z0-9])>?`),                           // Exim
	regexp.MustCompile(`(?i)^Ok:? ([0-9a-f]{16,}-[0-9a-f]{8}-[0-9a-f-]+)`),                                                // Amazon SES
	regexp.MustCompile(`^([A-Za-z0-9]{10,}) Message accepted for delivery`),                                               // sendmail, OpenSMTPD
	regexp.MustCompile(`(?i)^([0-9a-f]{8}) Message accepted for delivery`),                                                // OpenSMTPD
	regexp.MustCompile(`(?i)\bqueue(?:d with)? id:? ([A-Za-z0-9-]{6,})`),                                                  //
	regexp.MustCompile(`(?i)^ok (\d{9,}) qp (\d+)`),                                                                       // qmail
	regexp.MustCompile(`(?i)^(?:OK|Accepted|Great success|Message received)[:, ]+([0-9a-zA-Z._-]*\d[0-9a-zA-Z._-]{9,})$`), // ZoneMTA, Mailgun, Mailjet
	regexp.MustCompile(`(?i)\b([0-9A-Za-z]+-[0-9A-Za-z]+-[0-9A-Za-z]+) mail accepted for delivery`),                       //
}

// QueueID finds the id that the server gave the message in its reply, without
// the reply's codes; "" for none. The server's maintainer finds the message by
// it.
func QueueID(reply string) string {
	reply = strings.TrimSpace(reply)
	for _, p := range queueIDs {
		if m := p.FindStringSubmatch(reply); m != nil {
			return strings.TrimRight(m[1], ".,;:")
		}
	}
	return ""
}
