package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"github.com/spf13/cobra"

	"smtptap/proxy/telemetry"
	"smtptap/recordings/transcript"
	"smtptap/tui/web"
)

// checkWeb says whether pages can be at an address.
func checkWeb(s string) error {
	_, err := telemetry.ParseAddr(s)
	return err
}

// openWeb shows sessions in browsers that know the address returned, until stop is
// called.
func (p *Program) openWeb(at string, sessions func() *transcript.Set) (url string, stop func(), err error) {
	addr, err := telemetry.ParseAddr(at)
	if err != nil {
		return "", nil, err
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return "", nil, failed("no-web", "where", shown(at), "why", cmp.Or(errors.Unwrap(err), err).Error())
	}
	host, _, _ := net.SplitHostPort(addr)
	server := &web.Server{Sessions: sessions, Lang: p.lang}
	url = server.Address(l, host)
	ctx, cancel := context.WithCancel(context.Background())
	var serving sync.WaitGroup
	serving.Go(func() { server.Serve(ctx, l) })
	return url, func() { cancel(); serving.Wait() }, nil
}

// Web is `smtptap web`.
func Web(p *Program) *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use:  "web [ADDR]",
		Args: p.args(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			at := "127.0.0.1:8025"
			if len(args) == 1 {
				if at = args[0]; checkWeb(at) != nil {
					return usage(checkWeb(at))
				}
			}
			dir, err := folderToRead(dir)
			if err != nil {
				return err
			}
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			set := transcript.NewSet(transcript.Options{})
			defer set.Close()
			watch, err := p.addRecordings(set, dir, nil, listFilter{match: &matchFlag{program: p}})
			if err != nil {
				return err
			}
			url, end, err := p.openWeb(at, func() *transcript.Set { return set })
			if err != nil {
				return err
			}
			defer end()
			if _, err := fmt.Fprintln(p.streams.Out, url); err != nil {
				return err
			}
			set.Watch(ctx, watch)
			return nil
		},
	}
	recordFlag(cmd, &dir)
	return cmd
}
