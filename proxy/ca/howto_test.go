package ca_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"smtptap/proxy/ca"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestHowto(t *testing.T) {
	for _, client := range ca.Clients() {
		t.Run(client, func(t *testing.T) {
			got, err := ca.Howto(client, "/home/you/.local/state/smtptap/ca/ca.pem")
			if err != nil {
				t.Fatal(err)
			}
			golden := filepath.Join("testdata", "howto", client+".golden")
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

func TestHowtoUnknownClient(t *testing.T) {
	for _, client := range []string{"", "outlook", "../ca", "howto"} {
		if text, err := ca.Howto(client, "/ca.pem"); err == nil || !strings.Contains(err.Error(), "phpmailer") {
			t.Errorf("%q: %q, %v", client, text, err)
		}
	}
}

// A path with quotes in it does not end the string that it is pasted into.
func TestHowtoQuotes(t *testing.T) {
	const path = `/home/o'neil "x"\y/ca.pem`
	for client, want := range map[string]string{
		"phpmailer":  `'/home/o\'neil "x"\\y/ca.pem'`,
		"smtplib":    `"/home/o'neil \"x\"\\y/ca.pem"`,
		"nodemailer": `"/home/o'neil \"x\"\\y/ca.pem"`,
		"curl":       `'/home/o'\''neil "x"\y/ca.pem'`,
		"go":         `"/home/o'neil \"x\"\\y/ca.pem"`,
	} {
		got, err := ca.Howto(client, path)
		if err != nil || !strings.Contains(got, want) {
			t.Errorf("%s: %v\n%s\nwant %s in it", client, err, got, want)
		}
	}
}

// The one line of a client is in its instructions as well.
func TestSetting(t *testing.T) {
	const path = "/home/you/ca.pem"
	for _, client := range []string{"phpmailer", "nodemailer", "smtplib", "java", "go", "msmtp"} {
		text, err := ca.Howto(client, path)
		if setting := ca.Setting(client, path); err != nil || setting == "" || !strings.Contains(text, setting) {
			t.Errorf("%s: %q is not in\n%s\n%v", client, setting, text, err)
		}
	}
	if setting := ca.Setting("system", path); setting != "" {
		t.Errorf("system: %q", setting)
	}
}
