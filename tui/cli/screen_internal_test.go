package cli

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"smtptap/tui"
)

func TestWhereTheScreenFailedIsLogged(t *testing.T) {
	var log bytes.Buffer
	failed := &tui.Panic{Value: "no such pane", Stack: []byte("goroutine 1 [running]:")}
	if err := logged(zerolog.New(&log), failed); !errors.Is(err, failed) {
		t.Errorf("the failure became %v", err)
	}
	for _, want := range []string{`"level":"error"`, `"cause":"no such pane"`, "goroutine 1 [running]:"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log does not hold %s: %s", want, log.String())
		}
	}
	log.Reset()
	if err := logged(zerolog.New(&log), tui.ErrStuck); !errors.Is(err, tui.ErrStuck) || log.Len() > 0 {
		t.Errorf("%v was logged as a failure of the screen: %s", err, log.String())
	}
}
