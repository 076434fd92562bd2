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

// settings are the one thing that each of these clients needs.
var settings = map[string]func(path string) string{
	"phpmailer":  func(p string) string { return "$mail->SMTPOptions = ['ssl' => ['cafile' => " + quotePHP(p) + "]];" },
	"nodemailer": func(p string) string { return "NODE_EXTRA_CA_CERTS=" + quoteShell(p) },
	"smtplib":    func(p string) string { return "context.load_verify_locations(" + quoteJSON(p) + ")" },
	"java": func(p string) string {
		return "keytool -importcert -noprompt -alias smtptap -file " + quoteShell(p) + " -keystore smtptap-trust.p12 -storetype PKCS12 -storepass smtptap"
	},
	"go":    func(p string) string { return "SSL_CERT_FILE=" + quoteShell(p) },
	"msmtp": func(p string) string { return `tls_trust_file "` + p + `"` },
}

// Setting is what makes a client trust the authority whose certificate is in
// the file path, in one line without the words around it. It is "" for a client
// that needs more.
func Setting(client, path string) string {
	if setting, ok := settings[client]; ok {
		return setting(path)
	}
	return ""
}

func quoteShell(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

func quotePHP(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(s) + "'"
}

// quoting writes a path in the way of the language that it is pasted into.
var quoting = template.FuncMap{
	"sh":    quoteShell,
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
