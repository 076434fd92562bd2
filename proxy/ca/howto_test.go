package ca_test

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"

	"smtptap/decode/lang"
	"smtptap/proxy/ca"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestHowto(t *testing.T) {
	for _, client := range ca.Clients() {
		for _, l := range []lang.Lang{lang.English, lang.Chinese} {
			t.Run(client+"/"+string(l), func(t *testing.T) {
				got, err := ca.Howto(client, "/home/you/.local/state/smtptap/ca/ca.pem", l)
				if err != nil {
					t.Fatal(err)
				}
				golden := filepath.Join("testdata", "howto", client+"."+string(l)+".golden")
				if *update {
					if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
						t.Fatal(err)
					}
				}
				want, err := os.ReadFile(golden)
				if err != nil || got != string(want) {
					t.Errorf("got\n%s\nwant\n%s\n%v", got, want, err)
				}
			})
		}
	}
}

// What is pasted is the same in both languages, and what is said is in one.
func TestHowtoLanguages(t *testing.T) {
	han := regexp.MustCompile(`\p{Han}`)
	for _, client := range ca.Clients() {
		var pasted [2][]string
		for i, l := range []lang.Lang{lang.English, lang.Chinese} {
			text, err := ca.Howto(client, "/ca.pem", l)
			if err != nil || han.MatchString(text) != (l == lang.Chinese) {
				t.Errorf("%s, %s: %v\n%s", client, l, err, text)
			}
			for line := range strings.Lines(text) {
				if strings.HasPrefix(line, "    ") {
					pasted[i] = append(pasted[i], line)
				}
				if width := ansi.StringWidth(line); !strings.HasPrefix(line, " ") && width > 80 {
					t.Errorf("%s, %s: %d columns: %s", client, l, width, line)
				}
			}
		}
		if len(pasted[0]) == 0 || !slices.Equal(pasted[0], pasted[1]) {
			t.Errorf("%s: pasted\n%q\n%q", client, pasted[0], pasted[1])
		}
	}
}

func TestHowtoUnknownClient(t *testing.T) {
	for _, client := range []string{"", "outlook", "../ca", "howto"} {
		if text, err := ca.Howto(client, "/ca.pem", lang.English); err == nil || !strings.Contains(err.Error(), "phpmailer") {
			t.Errorf("%q: %q, %v", client, text, err)
		}
	}
}

// A path with quotes in it does not end the string that it is pasted into.
func TestHowtoQuotes(t *testing.T) {
	const path = `/home/o'neil "x"\y/ca.pem`
	for client, want := range map[string]string{
		"phpmailer":  `'/home/o\'neil "x"\\y/ca.pem'`,
		"ruby":       `'/home/o\'neil "x"\\y/ca.pem'`,
		"mutt":       `"/home/o'neil \"x\"\\y/ca.pem"`,
		"postfix":    `'smtp_tls_CAfile = /home/o'\''neil "x"\y/ca.pem'`,
		"smtplib":    `"/home/o'neil \"x\"\\y/ca.pem"`,
		"nodemailer": `"/home/o'neil \"x\"\\y/ca.pem"`,
		"curl":       `'/home/o'\''neil "x"\y/ca.pem'`,
		"go":         `"/home/o'neil \"x\"\\y/ca.pem"`,
	} {
		got, err := ca.Howto(client, path, lang.English)
		if err != nil || !strings.Contains(got, want) {
			t.Errorf("%s: %v\n%s\nwant %s in it", client, err, got, want)
		}
	}
}

// The setting of a client is one line of its instructions.
func TestSetting(t *testing.T) {
	const path = "/home/you/ca.pem"
	for _, client := range []string{"phpmailer", "wordpress", "nodemailer", "smtplib", "go", "ruby", "postfix", "msmtp"} {
		text, err := ca.Howto(client, path, lang.English)
		setting := ca.Setting(client, path)
		if err != nil || !strings.Contains(setting, path) || !strings.Contains(text, " "+setting+"\n") {
			t.Errorf("%s: %q is not in\n%s\n%v", client, setting, text, err)
		}
	}
	for _, client := range []string{"system", "java", "start", "nobody", ""} {
		if setting := ca.Setting(client, path); setting != "" {
			t.Errorf("%s: %q", client, setting)
		}
	}
}
