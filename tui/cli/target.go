package cli

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/netip"

	"github.com/spf13/cobra"

	"smtptap/proxy"
	"smtptap/proxy/sink"
	"smtptap/proxy/upstream"
)

// targetFlags say where sessions go.
type targetFlags struct {
	to           string
	resolver     string
	mxPort       uint16
	allowPrivate bool

	only    func(netip.Addr) error // which addresses may be connected to; nil for all
	sinkTLS bool                   // the sink offers STARTTLS
}

func (f *targetFlags) flags(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&f.to, "to", "t", "sink", `where sessions go:
sink              embedded server: accepts all, delivers nothing
HOST[:PORT]       that server; port 587 if none is given; 465 means smtps
smtp://HOST:PORT  plain, STARTTLS when the client asks for it
smtps://HOST:PORT TLS from the first byte
lmtp:HOST:PORT    LMTP; lmtp:unix:PATH, unix:PATH: at a unix socket
mx:DOMAIN         the domain's MX hosts in order of preference
mx                the MX of each recipient's own domain`)
	f.dnsFlags(cmd)
}

// dnsFlags are those that say how MX hosts are found.
func (f *targetFlags) dnsFlags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.resolver, "resolver", "", "DNS server for mx targets (default: the system's)")
	cmd.Flags().Uint16Var(&f.mxPort, "mx-port", 25, "port of MX hosts")
	cmd.Flags().BoolVar(&f.allowPrivate, "allow-private", false, "let mx targets lead to private and loopback addresses")
}

// dns is the resolver that was asked for.
func (f *targetFlags) dns() (*upstream.Resolver, error) {
	r, err := upstream.NewResolver(f.resolver)
	if err != nil {
		return nil, usage(fmt.Errorf("--resolver: %w", err))
	}
	return r, nil
}

// sinkFiles is how many files a session into the sink needs beyond its two
// connections: the sink's end of the second.
const sinkFiles = 1

// apply makes px lead sessions to the target. Call done when px has served;
// extra is how many files a session needs beyond its two connections.
func (f *targetFlags) apply(px *proxy.Proxy) (done func(), extra int, err error) {
	done = func() {}
	target, err := f.parse()
	if err != nil {
		return nil, 0, err
	}
	px.Target = target.String()
	switch target.Kind {
	case upstream.KindSink:
		var certificate *tls.Config
		if f.sinkTLS {
			if certificate, px.TLS.Roots, err = sinkCertificate(); err != nil {
				return nil, 0, err
			}
		}
		server, done, err := startSink(certificate)
		px.Upstream = server
		return done, sinkFiles, err
	case upstream.KindHost:
		px.Upstream = &upstream.Fixed{Host: target.Host, Port: target.Port, Implicit: target.Implicit, LMTP: target.LMTP, Only: f.only}
		return done, 0, nil
	case upstream.KindSocket:
		px.Upstream = &upstream.Socket{Path: target.Path, LMTP: target.LMTP}
		return done, 0, nil
	}
	resolver, err := f.dns()
	if err != nil {
		return nil, 0, err
	}
	mx := &upstream.MX{Domain: target.Domain, Resolver: resolver, Connector: upstream.Connector{Port: f.mxPort, AllowPrivate: f.allowPrivate, Only: f.only}}
	if target.Kind == upstream.KindDomain {
		px.Upstream, px.ConnectTimeout = mx, mx.Patience()
	} else {
		px.Router = mx
	}
	return done, 0, nil
}

func (f *targetFlags) parse() (upstream.Target, error) {
	target, err := upstream.ParseTarget(f.to)
	if err != nil {
		err = usage(fmt.Errorf("--to: %w", err))
	}
	return target, err
}

// sinkCertificate is a certificate for the sink, and the roots that vouch for
// it. Clients of the sink are not offered TLS otherwise: those that use it
// whenever it is there would fail for want of trust in the local authority.
func sinkCertificate() (*tls.Config, *x509.CertPool, error) {
	signer, err := authority()
	if err != nil {
		return nil, nil, err
	}
	leaf, err := signer.Leaf(sinkHost)
	if err != nil {
		return nil, nil, fmt.Errorf("making a certificate for the sink: %w", err)
	}
	roots := signer.Pool()
	return &tls.Config{Certificates: []tls.Certificate{*leaf}}, roots, nil
}

// sinkHost is where the sink listens.
const sinkHost = "127.0.0.1"

// startSink starts the embedded server on a free port. It offers STARTTLS when
// it has a certificate.
func startSink(certificate *tls.Config) (upstream.Dialer, func(), error) {
	l, err := net.Listen("tcp", net.JoinHostPort(sinkHost, "0"))
	if err != nil {
		return nil, nil, fmt.Errorf("starting the sink: %w", err)
	}
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan struct{})
	server := &sink.Server{TLS: certificate}
	go func() {
		defer close(served)
		server.Serve(ctx, l)
	}()
	addr := l.Addr().(*net.TCPAddr)
	return &upstream.Fixed{Host: addr.IP.String(), Port: uint16(addr.Port), Why: "sink"}, func() { stop(); <-served }, nil
}
