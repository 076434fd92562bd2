//go:build unix

package terminal

import (
	"os"
	"os/signal"
	"syscall"
	"time"
)

// stop stops the foreground job, and returns when it is continued. The signal is
// dropped where no shell controls jobs.
func stop() error {
	continued := make(chan os.Signal, 1)
	signal.Notify(continued, syscall.SIGCONT)
	defer signal.Stop(continued)
	if err := syscall.Kill(0, syscall.SIGTSTP); err != nil {
		return err
	}
	for range 2 { // a timer that became due while stopped may be seen before the signal
		select {
		case <-continued:
			return nil
		case <-time.After(restoreTimeout):
		}
	}
	return ErrNoJobControl
}
