package ca

import (
	"embed"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"text/template"

	"smtptap/decode/lang"
	"smtptap/decode/visible"
)

// howtoFiles are the texts of Howto, one for each client. A line that begins
// with "en: " or "zh: " belongs to that language, others to both. Indented
// lines are to be pasted; of these "  > " marks the one that Setting gives.
//
//go:embed howto
var howtoFiles embed.FS

const (
	indent = "    "
	marked = "  > "
)

// Clients are the names that Howto knows.
func Clients() (names []string) {
	files, _ := howtoFiles.ReadDir("howto")
	for _, f := range files {
		if name, ok := strings.CutSuffix(f.Name(), ".txt"); ok {
			names = append(names, name)
		}
	}
	return names
}

// Howto says how to send a client's mail through smtptap and make it trust the
// authority whose certificates are in the file path, in text to be pasted. The
// error names the clients there are.
func Howto(client, path string, l lang.Lang) (string, error) {
	client = strings.ToLower(client)
	if !slices.Contains(Clients(), client) {
		return "", words.Error("no-howto", "client", visible.Text(client), "values", Clients())
	}
	text, err := recipe(client, path, l)
	return strings.ReplaceAll("\n"+text, "\n"+marked, "\n"+indent)[1:], err
}

// Setting is what makes a client trust the authority whose certificates are in
// the file path, in one line without the words around it. It is "" for a client
// that needs more.
func Setting(client, path string) string {
	text, err := recipe(client, path, lang.English)
	if err != nil {
		return ""
	}
	for line := range strings.Lines(text) {
		if setting, ok := strings.CutPrefix(line, marked); ok {
			return strings.TrimSpace(setting)
		}
	}
	return ""
}

// recipe is a client's file in one language, with the path filled in.
func recipe(client, path string, l lang.Lang) (string, error) {
	t := template.New(client).Funcs(quoting)
	for name, file := range map[string]string{client: client + ".txt", "start": "start.tmpl"} {
		text, err := howtoFiles.ReadFile("howto/" + file)
		if err != nil {
			return "", err
		}
		if _, err := t.New(name).Parse(lang.Only(string(text), l)); err != nil {
			return "", err
		}
	}
	var b strings.Builder
	err := t.ExecuteTemplate(&b, client, path)
	return b.String(), err
}

// quoting writes a path in the way of the language that it is pasted into.
var quoting = template.FuncMap{
	"sh":       quoteShell,
	"php":      quoteSingle,
	"ruby":     quoteSingle,
	"perl":     quoteSingle,
	"ini":      func(s string) string { return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"` },
	"js":       quoteJSON,
	"go":       strconv.Quote,
	"msmtp":    func(s string) string { return `"` + s + `"` },
	"postconf": func(s string) string { return quoteShell("smtp_tls_CAfile = " + s) },
}

func quoteShell(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// quoteSingle writes a string literal that PHP, Perl and Ruby read alike.
func quoteSingle(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(s) + "'"
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
