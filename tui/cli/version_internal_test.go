package cli

import (
	"runtime/debug"
	"testing"
)

func TestDescribeBuild(t *testing.T) {
	const commit = "d474ab6e1f0a9b8c7d6e5f4a3b2c1d0e9f8a7b6c"
	for _, tt := range []struct{ version, commit, modified, want string }{
		{"v1.2.3", commit, "false", "v1.2.3 d474ab6e1f0a go1.26.8"},
		{"v1.2.3+dirty", commit, "true", "v1.2.3 d474ab6e1f0a (modified) go1.26.8"},
		{"v1.2.4-0.20261127235959-d474ab6e1f0a", commit, "false", "v1.2.4-0.20261127235959-d474ab6e1f0a go1.26.8"},
		{"v0.0.0-20261127235959-d474ab6e1f0a+dirty", commit, "true", "v0.0.0-20261127235959-d474ab6e1f0a (modified) go1.26.8"},
		{"(devel)", commit, "false", "(devel) d474ab6e1f0a go1.26.8"},
		{"(devel)", "", "", "(devel) go1.26.8"},
		{"", "", "", "(devel) go1.26.8"},
		{"v1.2.3", "", "", "v1.2.3 go1.26.8"}, // go install MODULE@v1.2.3
	} {
		info := &debug.BuildInfo{GoVersion: "go1.26.8", Main: debug.Module{Version: tt.version}}
		if tt.commit != "" {
			info.Settings = []debug.BuildSetting{{Key: "vcs.revision", Value: tt.commit}, {Key: "vcs.modified", Value: tt.modified}}
		}
		if got := describeBuild(info); got != tt.want {
			t.Errorf("%+v: %q", tt, got)
		}
	}
}
