package proxy

import (
	"net"
	"os"
	"strconv"
	"strings"
	"sync"

	"github.com/coreos/go-systemd/v22/activation"

	"smtptap/decode/visible"
)

// Activated reports whether a service manager has passed sockets to this process
// (sd_listen_fds(3)).
func Activated() bool {
	pid, err := strconv.Atoi(os.Getenv("LISTEN_PID"))
	return err == nil && pid == os.Getpid() && os.Getenv("LISTEN_FDS") != "0"
}

// sockets are those that were passed. The variables that tell of them are taken
// from the environment: programs that this one starts have no part in it.
var sockets = sync.OnceValue(func() []*os.File { return activation.Files(true) })

// passed are the sockets of that name, or all if there is none. TLS begins with
// the first byte on one that is called tls or tls-something.
func passed(a Address) ([]Listener, error) {
	var all []Listener
	var names []string
	for _, f := range sockets() {
		name := f.Name()
		names = append(names, visible.Text(name))
		if a.at != "" && a.at != name {
			continue
		}
		l, err := net.FileListener(f)
		if err != nil {
			closeAll(all)
			return nil, words.Error("systemd-no-connections", "name", visible.Text(name), "why", cause(err))
		}
		all = append(all, Listener{Listener: l, TLS: a.tls || name == "tls" || strings.HasPrefix(name, "tls-")})
	}
	switch {
	case len(names) == 0:
		return nil, words.Error("systemd-none")
	case len(all) == 0:
		return nil, words.Error("systemd-no-such", "name", visible.Text(a.at), "names", names)
	}
	return all, nil
}
