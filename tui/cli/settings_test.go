package cli

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"smtptap/decode/lang"
	"smtptap/decode/lang/langtest"
	"smtptap/proxy/upstream"
)

// Every provider leads to a server by TLS, and says what its login wants.
func TestProviders(t *testing.T) {
	for name, p := range providers() {
		langtest.Text(t, "providers.toml "+name, p.Text)
		targets := []string{"@" + name}
		if p.Example != "" {
			targets = []string{"@" + name + ":" + p.Example}
		}
		for _, target := range append(targets, p.variants(name)...) {
			got, err := parseTarget(target)
			if err != nil || got.Kind != upstream.KindHost || !got.Implicit && !p.TLSToServer {
				t.Errorf("%s is %+v, %v", target, got, err)
			}
		}
	}
	for target, want := range map[string]string{
		"@gmail": "smtp.gmail.com:465", "@QQ": "smtp.qq.com:465", "@163": "smtp.163.com:465", "@126": "smtp.126.com:465", "@office365": "smtp.office365.com:587",
		"@exmail": "smtp.exmail.qq.com:465", "@ses:us-east-1": "email-smtp.us-east-1.amazonaws.com:465", "@mailgun:eu": "smtp.eu.mailgun.org:465",
	} {
		if got, err := parseTarget(target); err != nil || !strings.HasSuffix(got.String(), want) {
			t.Errorf("%s is %s, %v; want %s", target, got, err, want)
		}
	}
}

// Every flag that takes a value refuses one that makes no sense, in both
// languages, unless any text will do.
func TestEveryFlagIsChecked(t *testing.T) {
	anyText := map[string]bool{ // names of files, folders, hosts and profiles
		"record": true, "server-ca": true, "client-cert": true, "client-key": true, "log-file": true, "output": true, "for": true, "rules": true, "profile": true, "token-file": true,
	}
	p := whole(t)
	walk(p.root, func(cmd *cobra.Command) {
		for _, f := range visibleFlags(cmd) {
			if f.Name == "help" || f.Name == "version" || anyText[f.Name] {
				continue
			}
			for _, l := range []lang.Lang{lang.English, lang.Chinese} {
				p.lang = l
				err := cmd.Flags().Set(f.Name, "no such value:(")
				if f.Value.Type() == "bool" {
					err = cmd.Flags().Set(f.Name, "perhaps")
				}
				if err == nil {
					t.Errorf("%s --%s takes anything: check its value", cmd.CommandPath(), f.Name)
					continue
				}
				said := p.oneLine(p.flagError(cmd, err))
				if !strings.HasPrefix(said, "--"+f.Name) || strings.Contains(said, "strconv") || strings.Contains(said, "invalid argument") {
					t.Errorf("%s --%s says %s", cmd.CommandPath(), f.Name, said)
				}
			}
		}
	})
}

// The manual pages are such that groff has nothing to say about them.
func TestManualPages(t *testing.T) {
	groff, err := exec.LookPath("groff")
	if err != nil {
		t.Skip("there is no groff")
	}
	for _, l := range []string{"en", "zh"} {
		dir := t.TempDir()
		if status, _, complaint := smtptap(t, nil, "man", dir, "--lang", l); status != 0 {
			t.Fatal(complaint)
		}
		pages, err := filepath.Glob(filepath.Join(dir, "*.1"))
		if err != nil || len(pages) < len(every) {
			t.Fatalf("%d pages, %v", len(pages), err)
		}
		out, err := exec.Command(groff, append([]string{"-man", "-Kutf8", "-Tutf8", "-ww", "-z"}, pages...)...).CombinedOutput()
		if err != nil || len(out) > 0 {
			t.Errorf("%s: %v: %s", l, err, out)
		}
	}
}
