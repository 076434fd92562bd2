package cli

import (
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"smtptap/decode/visible"
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
	cmd.Flags().VarP(&addressesFlag{addrs: &f.listen}, "listen", "l", `where clients connect, repeatable: PORT, :PORT, HOST:PORT,
unix:PATH, or the sockets that systemd passes: systemd, systemd:NAME
(the default where it does); tls:ADDR for implicit TLS`)
	cmd.Flags().Var(&f.socketMode, "socket-mode", "who may connect to unix:PATH")
}

// addressesFlag is --listen. What is given replaces the default.
type addressesFlag struct {
	addrs *[]string
	given bool
}

func (a *addressesFlag) String() string { return strings.Join(*a.addrs, " ") }
func (a *addressesFlag) Type() string   { return "addr" }

func (a *addressesFlag) Set(s string) error {
	if _, err := proxy.ParseAddress(s); err != nil {
		return err
	}
	if !a.given {
		*a.addrs, a.given = nil, true
	}
	*a.addrs = append(*a.addrs, s)
	return nil
}

// modeFlag is the mode of a file.
type modeFlag fs.FileMode

func (m *modeFlag) String() string { return fmt.Sprintf("%04o", uint32(*m)) }
func (m *modeFlag) Type() string   { return "mode" }

func (m *modeFlag) Set(s string) error {
	n, err := strconv.ParseUint(s, 8, 32)
	if err != nil || n > 0o777 {
		return fmt.Errorf("\"%s\" is not the mode of a file (example: 0660)", visible.Text(s))
	}
	*m = modeFlag(n)
	return nil
}

// openListeners listens at all addresses.
func (f *serveFlags) openListeners() (all []proxy.Listener, err error) {
	for _, s := range f.listen {
		at, err := proxy.ParseAddress(s)
		if err != nil {
			closeListeners(all)
			return nil, usage(err)
		}
		listeners, err := at.Listen(fs.FileMode(f.socketMode))
		if err != nil {
			closeListeners(all)
			return nil, err
		}
		all = append(all, listeners...)
	}
	return all, nil
}

func closeListeners(listeners []proxy.Listener) {
	for _, l := range listeners {
		l.Close()
	}
}
