package e2e

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

type object = map[string]any

// documents are those of a YAML file.
func documents(t *testing.T, file string) (all []object) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for d := yaml.NewDecoder(f); ; {
		var o object
		if err := d.Decode(&o); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, o)
	}
}

// at is what stands at a path of keys, the zero value if that is not of type T.
func at[T any](o any, path string) T {
	for _, key := range strings.Split(path, ".") {
		m, _ := o.(object)
		o = m[key]
	}
	value, _ := o.(T)
	return value
}

// accepted fails the test when smtptap does not take the arguments of a container.
func accepted(t *testing.T, args any) {
	t.Helper()
	list, _ := args.([]any)
	if len(list) == 0 {
		t.Fatal("no arguments")
	}
	var words []string
	for _, a := range list {
		words = append(words, fmt.Sprint(a))
	}
	cmd := exec.Command(program, append([]string{"config"}, words...)...)
	cmd.Env = append(os.Environ(), "HOME="+t.TempDir())
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", words, out)
	}
}

func TestComposeExample(t *testing.T) {
	doc := documents(t, "../../.github/examples/compose.yaml")[0]
	service := at[object](doc, "services.smtptap")
	accepted(t, service["command"])
	volume, where, _ := strings.Cut(fmt.Sprint(at[[]any](service, "volumes")...), ":")
	if _, defined := at[object](doc, "volumes")[volume]; !defined || where != "/var/lib/smtptap" || service["read_only"] != true {
		t.Errorf("the root must be read-only, the state a volume: %v", service)
	}
	if at[string](doc, "services.app.environment.SMTP_HOST") != "smtptap" {
		t.Error("the application does not send to smtptap")
	}
}

// What refers to something in the manifests finds it, and no container of smtptap
// has more rights than it needs.
func TestKubernetesExample(t *testing.T) {
	docs := documents(t, filepath.FromSlash("../../.github/examples/kubernetes.yaml"))
	kinds, claims := map[string]int{}, map[any]bool{}
	var pods []object
	ports := map[string]map[any]bool{} // of pods, by their label app
	for _, d := range docs {
		kinds[at[string](d, "kind")]++
		if d["kind"] == "PersistentVolumeClaim" {
			claims[at[any](d, "metadata.name")] = true
		}
		if d["kind"] != "Deployment" {
			continue
		}
		pod := at[object](d, "spec.template")
		labels := at[object](pod, "metadata.labels")
		if !maps.Equal(labels, at[object](d, "spec.selector.matchLabels")) {
			t.Errorf("%v does not select its own pods", at[any](d, "metadata.name"))
		}
		app := fmt.Sprint(labels["app"])
		pods, ports[app] = append(pods, pod), map[any]bool{}
		for _, c := range at[[]any](pod, "spec.containers") {
			for _, p := range at[[]any](c, "ports") {
				ports[app][at[any](p, "name")] = true
			}
		}
	}
	if kinds["Deployment"] != 2 || kinds["Service"] != 1 || kinds["NetworkPolicy"] != 1 {
		t.Errorf("kinds: %v", kinds)
	}
	for _, pod := range pods {
		volumes := map[any]any{}
		for _, v := range at[[]any](pod, "spec.volumes") {
			volumes[at[any](v, "name")] = at[any](v, "persistentVolumeClaim.claimName")
		}
		for _, c := range at[[]any](pod, "spec.containers") {
			if at[string](c, "name") != "smtptap" {
				continue
			}
			accepted(t, at[any](c, "args"))
			rights := at[object](c, "securityContext")
			if rights["runAsNonRoot"] != true || rights["readOnlyRootFilesystem"] != true || rights["allowPrivilegeEscalation"] != false || fmt.Sprint(at[any](rights, "capabilities.drop")) != "[ALL]" {
				t.Errorf("rights: %v", rights)
			}
			mount := at[[]any](c, "volumeMounts")[0]
			claim, defined := volumes[at[any](mount, "name")]
			if at[string](mount, "mountPath") != "/var/lib/smtptap" || !defined || claim != nil && !claims[claim] {
				t.Errorf("mount: %v, volumes: %v", mount, volumes)
			}
			for _, probe := range []string{"readinessProbe", "livenessProbe"} {
				if port := at[any](c, probe+".httpGet.port"); !ports[fmt.Sprint(at[any](pod, "metadata.labels.app"))][port] {
					t.Errorf("%s asks the port %v", probe, port)
				}
			}
		}
	}
	for _, d := range docs {
		var asked []any
		app := at[string](d, "spec.selector.app")
		switch d["kind"] {
		case "Service":
			for _, p := range at[[]any](d, "spec.ports") {
				asked = append(asked, at[any](p, "targetPort"))
			}
		case "NetworkPolicy":
			app = at[string](d, "spec.podSelector.matchLabels.app")
			for _, rule := range at[[]any](d, "spec.ingress") {
				asked = append(asked, at[any](at[[]any](rule, "ports")[0], "port"))
			}
		default:
			continue
		}
		for _, port := range asked {
			if !ports[app][port] {
				t.Errorf("%v names the port %v of %q, which has %v", d["kind"], port, app, ports[app])
			}
		}
	}
}
