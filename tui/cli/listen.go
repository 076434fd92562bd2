package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"smtptap/proxy"
)

// listenFlags adds those that say where clients connect.
func (f *serveFlags) listenFlags(cmd *cobra.Command) {
	if f.listen == nil {
		f.listen = []string{"127.0.0.1:2525"}
		if proxy.Activated() {
			f.listen = []string{"systemd"}
		}
	}
	f.socketMode = 0o600
	cmd.Flags().VarP(each(&f.listen, f.listen, func(s string) error {
		_, err := proxy.ParseAddress(s)
		return errors.Unwrap(err) // which does not repeat it
	}), "listen", "l", "")
	cmd.Flags().Var(&f.socketMode, "socket-mode", "")
	cmd.Flags().BoolVar(&f.header, "proxy-protocol", false, "")
	cmd.Flags().BoolVar(&f.target.transparent, "transparent", false, "")
}

// modeFlag is the mode of a file.
type modeFlag fs.FileMode

func (m *modeFlag) String() string { return fmt.Sprintf("%04o", uint32(*m)) }
func (m *modeFlag) Type() string   { return "mode" }

func (m *modeFlag) Set(s string) error {
	n, err := strconv.ParseUint(s, 8, 32)
	if err != nil || n > 0o777 {
		return failed("not-a-file-mode")
	}
	*m = modeFlag(n)
	return nil
}

// checkListen refuses what can't go together.
func (f *serveFlags) checkListen() error {
	switch {
	case f.header && f.target.transparent:
		return wrong("header-and-transparent")
	case f.record == "none" && !slices.Contains([]string{"", "none", "auto"}, f.attach.at):
		return wrong("attach-and-no-record")
	case f.target.transparent && f.target.to != "sink":
		return wrong("transparent-and-to")
	}
	return nil
}

// openListeners listens at all addresses, as far as px may.
func (f *serveFlags) openListeners(px *proxy.Proxy) (all []proxy.Listener, err error) {
	defer func() {
		if err != nil {
			closeListeners(all)
		}
	}()
	for _, s := range f.listen {
		at, err := proxy.ParseAddress(s)
		if err == nil && f.target.transparent {
			at, err = at.Transparent()
		}
		if err != nil {
			return all, usage(err)
		}
		listeners, err := at.Listen(fs.FileMode(f.socketMode))
		if err != nil {
			return all, err
		}
		for _, l := range listeners {
			l.Header, l.Transparent, l.TLS = f.header, f.target.transparent, l.TLS && !f.target.transparent
			all = append(all, l)
		}
	}
	for _, l := range all {
		if err := px.CheckExposure(l); err != nil {
			return all, err
		}
	}
	return all, nil
}

func closeListeners(listeners []proxy.Listener) {
	for _, l := range listeners {
		l.Close()
	}
}
