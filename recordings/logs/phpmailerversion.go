package logs

import (
	"strings"
)

// phpmailerVersion tells the version by what only some of them print.
func phpmailerVersion(rows []row) string {
	five, six, seven := 0, 0, 0
	old := false // the form of before 5.2.8, which 5.2.5 gave lines of the client
	year := ""
	for _, r := range rows {
		s := r.text
		switch {
		case strings.Contains(s, "X-Mailer: PHPMailer 5"):
			five += 100
		case strings.Contains(s, "X-Mailer: PHPMailer 6"):
			six += 100
		case strings.Contains(s, "X-Mailer: PHPMailer 7"):
			seven += 100
		case strings.Contains(s, "SMTP -> FROM SERVER"), strings.Contains(s, "SMTP -> NOTICE"), strings.Contains(s, "SMTP -> ERROR"):
			old = true
		case strings.Contains(s, "CLIENT -> SMTP"):
			return "phpmailer-5.2"
		case strings.Contains(s, "credentials hidden"), strings.Contains(s, "SMTP INBOUND"):
			six += 10
		case strings.Contains(s, "get_lines(): $"), strings.Contains(s, "Connection: Failed to connect"), strings.Contains(s, "options=array ()"):
			five += 10
		case strings.Contains(s, "options=array()"):
			six += 5
		}
		if year == "" && s != "" && (s[0] == '[' || s[0] == ',' || s[0] == '2') {
			if found := yearOf.FindStringSubmatch(s); found != nil {
				year = found[1] + found[2]
			}
		}
	}
	switch {
	case old:
		return "phpmailer-5.1"
	case seven > 0:
		return "phpmailer-7"
	case six > five:
		return "phpmailer-6"
	case five > 0:
		return "phpmailer-5.2"
	case year > "2017":
		return "phpmailer-6"
	case year != "":
		return "phpmailer-5.2"
	}
	return bareVersion(rows)
}

var yearOf = compile(`^(?:\[)?(20\d\d)-\d\d-\d\d \d\d:\d\d|, \d\d? [A-Z][a-z]{2} (20\d\d) \d\d:\d\d`)

// bareVersion decides for a log without stamps. From 6.0 on credentials are
// hidden and every channel of PHPMailer's own stamps its lines, so base64 in
// plain sight means 5.2.
func bareVersion(rows []row) string {
	for _, r := range rows {
		if i := strings.Index(r.text, "CLIENT -> SERVER: "); i == 0 {
			return "phpmailer-5.2"
		}
	}
	return "phpmailer-6"
}
