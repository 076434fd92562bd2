package cli

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"smtptap/decode/visible"
	"smtptap/proxy"
	"smtptap/proxy/telemetry"
	"smtptap/proxy/upstream"
	"smtptap/recordings"
	"smtptap/recordings/transcript"
	"smtptap/tui"
	"smtptap/tui/attach"
)

// attachAddress reads unix:PATH or a TCP address.
func attachAddress(s string) (network, addr string, err error) {
	if path, found := strings.CutPrefix(s, "unix:"); found {
		return "unix", path, upstream.CheckSocketPath(path)
	}
	addr, err = telemetry.ParseAddr(s)
	return "tcp", addr, err
}

// attachFlags say where `smtptap attach` finds this smtptap.
type attachFlags struct {
	at    string // "" for nowhere, as for programs that are done soon
	token string
}

func (f *attachFlags) flags(cmd *cobra.Command) {
	cmd.Flags().Var(checked(&f.at, "auto", func(s string) error {
		if s == "auto" || s == "none" {
			return nil
		}
		_, _, err := attachAddress(s)
		return err
	}), "attach", "")
	tokenFlag(cmd, &f.token)
}

func tokenFlag(cmd *cobra.Command, file *string) { cmd.Flags().StringVar(file, "token-file", "", "") }

// stateFolder is the folder whose recordings are used when none is named.
func stateFolder() (string, error) {
	dir, err := recordings.DefaultFolder()
	return filepath.Dir(dir), err
}

// tokenFile is the file that was named, or the usual one.
func tokenFile(named string) (string, error) {
	dir, err := stateFolder()
	if named != "" {
		return named, nil
	}
	return filepath.Join(dir, "attach-token"), err
}

const socketExt = ".sock"

// sockets are those at which a smtptap of this user listens. The files that others
// have left are removed.
func sockets() ([]string, error) {
	dir, err := stateFolder()
	if err != nil {
		return nil, err
	}
	all, err := filepath.Glob(filepath.Join(dir, "attach", "*"+socketExt))
	return slices.DeleteFunc(all, func(path string) bool {
		conn, err := net.Dial("unix", path)
		if err == nil {
			conn.Close()
		} else if errors.Is(err, syscall.ECONNREFUSED) {
			os.Remove(path)
		}
		return err != nil
	}), err
}

// listen listens where viewers are to come; nil where none are. px listens already.
func (f *attachFlags) listen(listeners []proxy.Listener, log zerolog.Logger) (net.Listener, error) {
	if f.at == "auto" {
		return listenForOwn(listeners[0], log), nil
	}
	network, addr, err := attachAddress(f.at)
	if err != nil {
		return nil, err
	}
	l, err := listenAt(network, addr)
	if err != nil {
		return nil, fmt.Errorf("--attach %s: %w", visible.Text(f.at), cmp.Or(errors.Unwrap(err), err))
	}
	info := log.Info().Str("addr", f.at)
	if network == "tcp" {
		file, err := tokenFile(f.token)
		var secret attach.Secret
		var config *tls.Config
		if err == nil {
			secret, err = attach.MakeSecret(file)
		}
		if err == nil {
			config, err = secret.TLS()
		}
		if err != nil {
			l.Close()
			return nil, err
		}
		l = tls.NewListener(l, config)
		info = log.Info().Stringer("addr", l.Addr()).Str("token", file)
	}
	info.Msg("can be attached to")
	return l, nil
}

func listenAt(network, addr string) (net.Listener, error) {
	if network == "tcp" {
		return net.Listen("tcp", addr)
	}
	at, err := proxy.ParseAddress("unix:" + addr)
	if err != nil {
		return nil, err
	}
	l, err := at.Listen(0o600)
	if err != nil {
		return nil, err
	}
	return l[0], nil
}

// listenForOwn listens where `smtptap attach` looks, if that can be.
func listenForOwn(first proxy.Listener, log zerolog.Logger) net.Listener {
	sockets() // for their files to be removed
	dir, err := stateFolder()
	var l net.Listener
	if err == nil {
		dir = filepath.Join(dir, "attach")
		err = os.MkdirAll(dir, 0o700)
	}
	if err == nil {
		_, port, _ := net.SplitHostPort(first.Addr().String())
		name := filepath.Join(dir, cmp.Or(port, "unix"))
		if l, err = listenAt("unix", name+socketExt); errors.Is(err, syscall.EADDRINUSE) {
			l, err = listenAt("unix", name+"-"+strconv.Itoa(os.Getpid())+socketExt)
		}
	}
	if err != nil {
		log.Debug().Str("error", visible.Text(err.Error())).Msg("smtptap attach will not find this one")
		return nil
	}
	return l
}

// offer lets viewers watch, until the function is called that it returns.
func (f *attachFlags) offer(s *serving, unwatched bool) (stop func(), err error) {
	if s.recordings == nil || f.at == "" || f.at == "none" || f.at == "auto" && s.flags.count > 0 {
		return func() {}, nil
	}
	l, err := f.listen(s.listeners, s.log)
	if err != nil || l == nil {
		return func() {}, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	server := &attach.Server{
		Hello:    attach.Hello{Program: "smtptap " + version(), Target: s.proxy.Target, TLS: string(s.proxy.Mode)},
		Sessions: func() *transcript.Set { return s.set }, State: s.set.State, Close: s.proxy.Close,
	}
	for _, l := range s.listeners {
		server.Hello.Listen = append(server.Hello.Listen, l.String())
	}
	if unwatched { // what is held of no session is read when somebody looks
		since := time.Now().Truncate(time.Millisecond)
		server.Sessions = sync.OnceValue(func() *transcript.Set { return recordedSince(ctx, s.recordings.Dir(), since) })
	}
	var serving sync.WaitGroup
	serving.Go(func() { server.Serve(ctx, l) })
	return func() { cancel(); serving.Wait() }, nil
}

// recordedSince are the sessions that began in a folder since then.
func recordedSince(ctx context.Context, dir string, since time.Time) *transcript.Set {
	set := transcript.NewSet(transcript.Options{})
	go set.Watch(ctx, transcript.Watch{Dir: dir, Takes: func(r recordings.Info) bool { return r.Ours && !r.Started.Before(since) }})
	return set
}

// Attach is `smtptap attach`.
func Attach(p *Program) *cobra.Command {
	var token string
	var color colorMode
	var screen screenFlags
	cmd := &cobra.Command{
		Use:  "attach [ADDR]",
		Args: p.args(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if _, err := chooseUI("tui", p.streams); err != nil {
				return err
			}
			at, err := p.attachTo(args)
			if err != nil {
				return err
			}
			remote, err := dial(cmd.Context(), at, token)
			if err != nil {
				return failed("cannot-attach", "where", shown(at), "why", p.oneLine(err))
			}
			defer remote.Close()
			o := screen.options(&color, p)
			o.Set, o.Remote, o.Now, o.Close = remote, true, remote.Now, remote.End
			o.Target, o.TLS, o.Listen = remote.Hello.Target, visible.Text(remote.Hello.TLS), nil
			for _, l := range remote.Hello.Listen {
				o.Listen = append(o.Listen, visible.Text(l))
			}
			return tui.Run(cmd.Context(), o)
		},
	}
	tokenFlag(cmd, &token)
	screen.flags(cmd)
	color.flag(cmd)
	return cmd
}

// attachTo is the address that was named, or that of the only smtptap there is.
func (p *Program) attachTo(args []string) (string, error) {
	if len(args) == 1 {
		_, _, err := attachAddress(args[0])
		if err != nil {
			return "", usage(err)
		}
		return args[0], nil
	}
	all, err := sockets()
	for i, path := range all {
		all[i] = "unix:" + path
	}
	switch {
	case err != nil:
		return "", err
	case len(all) == 0:
		return "", failed("nothing-to-attach-to")
	case len(all) > 1:
		return "", wrong("attach-to-which", "values", strings.Join(all, ", "))
	}
	return all[0], nil
}

func dial(ctx context.Context, at, token string) (*attach.Remote, error) {
	network, addr, err := attachAddress(at)
	var secret attach.Secret
	if err == nil && network == "tcp" {
		if token, err = tokenFile(token); err == nil {
			secret, err = attach.ReadSecret(token)
		}
	}
	if err != nil {
		return nil, err
	}
	return attach.Dial(ctx, network, addr, secret)
}
