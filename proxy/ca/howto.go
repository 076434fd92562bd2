package ca

import (
	"embed"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"text/template"
)

// The texts of Howto, one file for each client.
//
//go:embed howto/*.txt
var howtoFiles embed.FS

var clients = []string{"phpmailer", "php", "nodemailer", "smtplib", "curl", "java", "go", "swaks", "msmtp", "system"}

// Clients are the names that Howto knows.
func Clients() []string { return append([]string(nil), clients...) }

// Howto says how to make a client trust the authority whose certificate is in
// the file path, in text to be pasted. The error names the clients there are.
func Howto(client, path string) (string, error) {
	text, err := howtoFiles.ReadFile("howto/" + strings.ToLower(client) + ".txt")
	if err != nil {
		return "", fmt.Errorf("no instructions for %q; there are some for %s", client, strings.Join(clients, ", "))
	}
	t, err := template.New(client).Funcs(quoting).Parse(string(text))
	if err != nil {
		return "", err
	}
	var b strings.Builder
	if err := t.Execute(&b, path); err != nil {
		return "", err
	}
	return b.String(), nil
}

// Setting is the one line that makes PHPMailer trust the authority whose
// certificate is in the file path.
func Setting(path string) string {
	return "$mail->SMTPOptions = ['ssl' => ['cafile' => " + quotePHP(path) + "]];"
}

func quotePHP(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(s) + "'"
}

// quoting writes a path in the way of the language that it is pasted into.
var quoting = template.FuncMap{
	"sh":    func(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" },
	"php":   quotePHP,
	"ini":   func(s string) string { return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"` },
	"js":    quoteJSON,
	"go":    strconv.Quote,
	"msmtp": func(s string) string { return `"` + s + `"` },
	"cmd":   func(s string) string { return `"` + s + `"` },
}

// quoteJSON writes a string literal that JavaScript and Python read alike.
func quoteJSON(s string) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		return strconv.Quote(s) // unreachable: a string can always be encoded
	}
	return strings.TrimSuffix(b.String(), "\n")
}
