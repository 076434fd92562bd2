package cli

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/netip"

	"github.com/spf13/cobra"

	"smtptap/decode/visible"
	"smtptap/proxy"
	"smtptap/proxy/sink"
	"smtptap/proxy/standin"
	"smtptap/proxy/upstream"
	"smtptap/recordings/transcript"
)

// targetFlags say where sessions go.
type targetFlags struct {
	to           string
	resolver     string
	mxPort       int
	allowPrivate bool
	sendHeader   string
	transparent  bool // to where each client wanted to go
	speed        pace
	standIn      string // what a recorded server does where a client parts from its recording

	only    func(netip.Addr) error // which addresses may be connected to; nil for all
	sinkTLS bool                   // the sink offers STARTTLS
}

func (f *targetFlags) flags(cmd *cobra.Command) {
	cmd.Flags().VarP(checked(&f.to, "sink", checkTarget), "to", "t", "")
	cmd.Flags().Var(oneOf(&f.sendHeader, "", "1", "2"), "send-proxy-protocol", "")
	cmd.Flags().Var(oneOf(&f.standIn, "strict", "strict", "lenient"), "stand-in", "")
	f.speed = 1
	cmd.Flags().Var(&f.speed, "speed", "")
	f.dnsFlags(cmd)
}

// dnsFlags are those that say how MX hosts are found.
func (f *targetFlags) dnsFlags(cmd *cobra.Command) {
	resolverFlag(cmd, &f.resolver)
	cmd.Flags().Var(between(&f.mxPort, 25, 1, 65535), "mx-port", "")
	cmd.Flags().BoolVar(&f.allowPrivate, "allow-private", false, "")
}

// checkTarget says what is wrong with a target.
func checkTarget(s string) error {
	to, err := targetOf(s)
	if err == nil {
		_, err = upstream.ParseTarget(to)
		err = errors.Unwrap(err) // which does not repeat it
	}
	return err
}

// resolverFlag adds --resolver.
func resolverFlag(cmd *cobra.Command, resolver *string) {
	cmd.Flags().Var(checked(resolver, "", func(s string) error {
		if _, err := upstream.NewResolver(s); err != nil {
			return failed("not-a-resolver")
		}
		return nil
	}), "resolver", "")
}

// sinkFiles is how many files a session into the sink needs beyond its two
// connections: the sink's end of the second.
const sinkFiles = 1

// apply makes px lead sessions to the target. Call done when px has served;
// extra is how many files a session needs beyond its two connections. dir is where
// recordings are.
func (f *targetFlags) apply(px *proxy.Proxy, dir string) (done func(), extra int, err error) {
	done = func() {}
	target, err := f.parse()
	if err != nil {
		return nil, 0, err
	}
	px.Target = target.String()
	if f.sendHeader != "" {
		px.SendHeader = f.sendHeader[0] - '0'
	}
	switch {
	case f.transparent:
		px.Target, px.Upstream = "original destination", upstream.Original{}
		return done, 0, nil
	case f.sendHeader != "" && target.Kind != upstream.KindHost && target.Kind != upstream.KindSocket:
		return nil, 0, wrong("header-to-nobody")
	}
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
	case upstream.KindRec:
		server, err := f.recorded(px, dir, target.Path)
		if err != nil {
			return nil, 0, err
		}
		px.Upstream = server
		return server.Close, sinkFiles, nil
	case upstream.KindHost:
		px.Upstream = &upstream.Fixed{Host: target.Host, Port: target.Port, Implicit: target.Implicit, LMTP: target.LMTP, Only: f.only}
		return done, 0, nil
	case upstream.KindSocket:
		px.Upstream = &upstream.Socket{Path: target.Path, LMTP: target.LMTP}
		return done, 0, nil
	}
	resolver, err := upstream.NewResolver(f.resolver)
	if err != nil {
		return nil, 0, err
	}
	mx := &upstream.MX{Domain: target.Domain, Resolver: resolver, Connector: upstream.Connector{Port: uint16(f.mxPort), AllowPrivate: f.allowPrivate, Only: f.only}}
	if target.Kind == upstream.KindDomain {
		px.Upstream, px.ConnectTimeout = mx, mx.Patience()
	} else {
		px.Router = mx
	}
	return done, 0, nil
}

func (f *targetFlags) parse() (upstream.Target, error) { return parseTarget(f.to) }

// recorded is the server of a recording, standing in.
func (f *targetFlags) recorded(px *proxy.Proxy, dir, ref string) (*standin.Server, error) {
	if px.TLSToServer {
		return nil, wrong("tls-to-recording")
	}
	if dir == "none" {
		dir = ""
	}
	path, err := find(dir, ref)
	if err != nil {
		return nil, err
	}
	t, damage, err := transcript.Load(path)
	if err != nil {
		return nil, err
	}
	if damage != nil {
		px.Log.Warn().Str("recording", path).Str("damage", visible.Text(damage.Error())).Msg("the recording is damaged; what precedes that stands in")
	}
	px.Target = "rec:" + t.ID
	o := standin.Options{Lenient: f.standIn == "lenient", Speed: float64(f.speed)}
	if standin.OffersTLS(t) {
		if o.TLS, px.TLS.Roots, err = sinkCertificate(); err != nil {
			return nil, err
		}
	}
	return standin.New(t, o)
}

// sinkCertificate is a certificate for the sink, and the roots to trust for
// it. Clients of the sink are not offered TLS otherwise: those that use it
// whenever it is there would fail for want of trust in the local authority.
func sinkCertificate() (*tls.Config, *x509.CertPool, error) {
	signer, err := authority()
	if err != nil {
		return nil, nil, err
	}
	leaf, err := signer.Leaf(sinkHost)
	if err != nil {
		return nil, nil, failed("sink-certificate", "why", err)
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
		return nil, nil, failed("sink", "why", err)
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
