package logs

import (
	"encoding/base64"
	"slices"
	"strings"

	"smtptap/decode"
)

// People paste their code and their settings above the log. Passwords in them
// are masked in their place, and those that nothing else can be mistaken for
// wherever the text repeats them.

const (
	secretName = `(?:[\w.-]*(?:pass(?:word|wd|wort|phrase)?|pwd|secret|token|api[_-]?key|auth[_-]?code|authorization[_-]?code|senha|contrase\w+|密码|授权码)[\w.-]*)`
	quotedText = `(?:"((?:[^"\\\n]|\\.)*)"|'((?:[^'\\\n]|\\.)*)')`
	anyText    = `(?:"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|[\w.@$>-]+)`
)

// secretPlaces are where code, settings and command lines hold a password: the
// last group that matched is the secret.
var secretPlaces = []*pattern{
	// $mail->Password = 'x', "password": "x", pass: 'x', 'password' => 'x', define('SMTP_PASS', 'x')
	compile(`(?i)` + secretName + `['"\]]*\s*(?:=>|:=|[:=,])\s*` + quotedText),
	// MAIL_PASSWORD=x, password: x
	compile(`(?i)` + secretName + `['"\]]*\s*(?:=>|[:=])\s*([^\s'",;&<>()\[\]{}$][^\s'",;&<>)\]}]*)`),
	// setPassword("x"), password("x")
	compile(`(?i)(?:set)?pass(?:word|wd)?\(\s*` + quotedText),
	// smtp.PlainAuth("", user, "x", host)
	compile(`(?i)PlainAuth\(\s*` + anyText + `\s*,\s*` + anyText + `\s*,\s*` + quotedText),
	// CRAMMD5Auth(user, "x"), login(user, "x"), NetworkCredential(user, "x"), PasswordAuthentication(user, "x")
	compile(`(?i)(?:CRAMMD5Auth|\.login|\.authenticate|NetworkCredential|PasswordAuthentication|Credentials::new|auth_login|auth_plain|basic_auth|LoginAuth|with_?credentials)\(\s*` + anyText + `(?:\.\w+\(\))?\s*,\s*` + quotedText),
	// smtp://user:x@host
	compile(`(?i)\b[a-z][a-z0-9+.-]*://[^\s/:@'"]*:([^\s/@'"]+(?:@[^\s/@'"]+)*)@[\w\[.-]`),
	// curl -u user:x, swaks -ap x, sendemail -xp x
	compile(`(?:\s|^)(?:-u|--user|--proxy-user)[ =]['"]?[^\s:'"]+:([^\s'"]+)`),
	compile(`(?:\s|^)(?:-ap|--auth-password|-xp|--auth-pass|--pass(?:word)?|--smtp-pass(?:word)?)[ =]+` + quotedText),
	compile(`(?:\s|^)(?:-ap|--auth-password|-xp|--auth-pass|--pass(?:word)?|--smtp-pass(?:word)?)[ =]+([^\s'"-][^\s'"]*)`),
}

// exchanged are places of secrets in what was said, which outside the dialogue
// the decoder does not see.
var exchanged = []*pattern{
	compile(`(?i)\bAUTH +(?:PLAIN|LOGIN|CRAM-MD5|XOAUTH2|OAUTHBEARER|SCRAM-[A-Z0-9-]+) +([A-Za-z0-9+/=_-]{4,})`),
	compile(`(?i)\bBearer +([A-Za-z0-9._~+/=-]{8,})`),
}

// mayHoldSecret is a cheap look for what every place has one of.
func mayHoldSecret(text string) bool {
	lower := strings.ToLower(text)
	for _, s := range []string{"pass", "pwd", "secret", "token", "api", "auth", "senha", "contrase", "密码", "授权码", "login(", "credential", "://", "-u", "--user", "-ap", "-xp", "bearer"} {
		if strings.Contains(lower, s) {
			return true
		}
	}
	return false
}

// secretsIn finds the places of secrets in a text, each as [from, to).
func secretsIn(text string, places ...*pattern) (found [][2]int) {
	if !mayHoldSecret(text) {
		return nil
	}
	for _, re := range places {
		for _, g := range re.FindAllStringSubmatchIndex(text, -1) {
			for i := len(g) - 2; i >= 2; i -= 2 {
				if g[i] >= 0 {
					if g[i+1] > g[i] {
						found = append(found, [2]int{g[i], g[i+1]})
					}
					break
				}
			}
		}
	}
	return found
}

// withoutSecrets masks what stands in the place of a password in the text of
// an error. The lines of the dialogue go through the decoder, which knows
// better.
func withoutSecrets(text string) string {
	for range maxSecrets {
		found := secretsIn(text, slices.Concat(secretPlaces, exchanged)...)
		masked := false
		for _, at := range found {
			if text[at[0]:at[1]] != decode.MaskText {
				text = text[:at[0]] + decode.MaskText + text[at[1]:]
				masked = true
				break // what follows has moved
			}
		}
		if !masked {
			return text
		}
	}
	return decode.MaskText
}

const (
	maxSecrets = 50 // bounds how many secrets of a text are masked
	leastValue = 8  // how long a secret must be to be looked for elsewhere
)

// withoutValues masks the passwords that the text's code and settings hold
// wherever rows repeat them, in plain text or in base64.
func withoutValues(rows []row) []row {
	var pairs []string
	seen := map[string]bool{}
	for _, r := range rows {
		if len(r.text) > maxRow || code(r.text) != 0 {
			continue
		}
		for _, at := range secretsIn(r.text, secretPlaces...) {
			value := r.text[at[0]:at[1]]
			if seen[value] || len(seen) == maxSecrets || !isTelling(value) {
				continue
			}
			seen[value] = true
			for _, form := range []string{value, base64.StdEncoding.EncodeToString([]byte(value))} {
				pairs = append(pairs, form, decode.MaskText)
			}
		}
	}
	if pairs == nil {
		return rows
	}
	mask := strings.NewReplacer(pairs...)
	if out := change(rows, mask.Replace); out != nil {
		return out
	}
	return rows
}

// isTelling reports that a secret is no word that stands in any text: it is
// long and mixes kinds of characters.
func isTelling(value string) bool {
	if len(value) < leastValue || isRedacted(value) {
		return false
	}
	letters := strings.Trim(strings.ToLower(value), "abcdefghijklmnopqrstuvwxyz_-. ") == ""
	return !letters && !strings.ContainsAny(value, "<>{}%") || strings.ToLower(value) != value && strings.ToLower(value[1:]) != value[1:] && strings.ToUpper(value) != value
}
