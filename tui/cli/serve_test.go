package cli

import (
	"errors"
	"testing"
)

// What the log says about a panic quotes nothing of the session.
func TestPanicCause(t *testing.T) {
	for _, test := range []struct {
		cause any
		want  string
	}{
		{"met AUTH PLAIN AGEAYg==", "string"},
		{errors.New("met AUTH PLAIN AGEAYg=="), "*errors.errorString"},
		{runtimeError(), "runtime error: index out of range [3] with length 2"},
	} {
		if got := panicCause(test.cause); got != test.want {
			t.Errorf("%v is told as %q, want %q", test.cause, got, test.want)
		}
	}
}

// runtimeError is the panic of a look beyond the end.
func runtimeError() (cause any) {
	defer func() { cause = recover() }()
	p := make([]byte, 2)
	i := 3
	p[i] = 0
	return nil
}
