package command

import (
	"context"
	"errors"

	"github.com/spf13/cobra"
)

// screenFlags say how the screen looks.
type screenFlags struct{}

func (f *screenFlags) flags(*cobra.Command) {}

// screen is the screen of a proxy at work.
func (s *serving) screen(context.Context) error {
	return errors.New("the screen is not built in yet; use --ui text")
}
