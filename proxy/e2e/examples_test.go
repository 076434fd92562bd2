package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// scripts are the texts of a workflow that a shell runs.
func scripts(n *yaml.Node) (all []string) {
	for i, c := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 1 {
			switch key := n.Content[i-1].Value; {
			case key == "run":
				all = append(all, c.Value)
			case key == "script" || key == "before_script":
				for _, line := range c.Content {
					all = append(all, line.Value)
				}
			}
		}
		all = append(all, scripts(c)...)
	}
	return all
}

// The examples for CI do what they say: their test command passes when mail is
// sent, fails when it is not, and leaves report and recordings.
func TestExamples(t *testing.T) {
	need(t, "bash", "python3")
	files, err := filepath.Glob("../../.github/examples/*.yml")
	if err != nil || len(files) < 2 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var doc yaml.Node
			if err := yaml.Unmarshal(text, &doc); err != nil {
				t.Fatal(err)
			}
			ran := 0
			for _, script := range scripts(&doc) {
				if out, err := exec.Command("bash", "-n", "-c", script).CombinedOutput(); err != nil {
					t.Errorf("%s: %s", script, out)
				}
				if strings.HasPrefix(script, "smtptap ") {
					ran++
					runExample(t, script)
				}
			}
			if ran != 1 {
				t.Errorf("%d commands of smtptap", ran)
			}
		})
	}
}

func runExample(t *testing.T, script string) {
	t.Helper()
	for rule, want := range map[string]bool{"": true, "RCPT=550 5.1.1 no such user": false} {
		dir := t.TempDir()
		for name, text := range map[string]string{"send.py": mailer, "test.sh": "#!/bin/sh\npython3 send.py || true\n"} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o700); err != nil {
				t.Fatal(err)
			}
		}
		cmd := exec.Command("bash", "-e", "-c", script)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "PATH="+filepath.Dir(program)+":"+os.Getenv("PATH"), "XDG_STATE_HOME="+dir, "HOME="+dir, "GITHUB_STEP_SUMMARY="+filepath.Join(dir, "summary.md"))
		if rule != "" {
			cmd.Env = append(cmd.Env, "SMTPTAP_RULE="+rule)
		}
		out, err := cmd.CombinedOutput()
		if (err == nil) != want {
			t.Errorf("with %q: %v\n%s", rule, err, out)
		}
		for _, left := range []string{"mail.xml", "recordings"} {
			if _, err := os.Stat(filepath.Join(dir, left)); err != nil {
				t.Error(err)
			}
		}
	}
}
