package cli

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/spf13/cobra"

	"smtptap/proxy"
	"smtptap/proxy/ca"
	"smtptap/proxy/handshake"
)

// tlsFlags say what happens at STARTTLS and how TLS is agreed.
type tlsFlags struct {
	mode     string
	toServer bool
	serverTLSFlags
}

// serverTLSFlags say how TLS is agreed with a server.
type serverTLSFlags struct {
	insecure   bool
	roots      string
	cert, key  string
	minVersion string
}

func (f *tlsFlags) flags(cmd *cobra.Command) {
	cmd.Flags().Var(oneOf(&f.mode, string(proxy.Intercept), string(proxy.Intercept), string(proxy.Pass), string(proxy.Hide)), "starttls", "")
	f.toServerFlag(cmd)
	f.serverTLSFlags.flags(cmd)
}

func (f *tlsFlags) toServerFlag(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&f.toServer, "tls-to-server", false, "")
}

func (f *serverTLSFlags) flags(cmd *cobra.Command) {
	cmd.Flags().BoolVarP(&f.insecure, "insecure", "k", false, "")
	cmd.Flags().StringVar(&f.roots, "server-ca", "", "")
	cmd.Flags().StringVar(&f.cert, "client-cert", "", "")
	cmd.Flags().StringVar(&f.key, "client-key", "", "")
	cmd.Flags().Var(oneOf(&f.minVersion, "1.2", "1.0", "1.1", "1.2", "1.3"), "tls-min", "")
}

// apply sets what px does about TLS. Call done when px has served.
func (f *tlsFlags) apply(px *proxy.Proxy) (done func(), err error) {
	px.Mode = proxy.Mode(f.mode)
	px.TLSToServer = f.toServer
	px.TLS, done, err = f.settings()
	return done, err
}

// settings are what the flags and SSLKEYLOGFILE come to.
func (f *serverTLSFlags) settings() (s handshake.Settings, done func(), err error) {
	done = func() {}
	s = handshake.Settings{Insecure: f.insecure, Authority: sync.OnceValues(authority)}
	if s.Roots, err = readRoots(f.roots); err != nil {
		return s, done, err
	}
	if s.Certificate, err = f.certificate(); err != nil {
		return s, done, err
	}
	if f.minVersion != "" { // as for demo, which has no such flag
		if s.MinVersion, err = handshake.ParseVersion(f.minVersion); err != nil {
			return s, done, err
		}
	}
	if file := os.Getenv("SSLKEYLOGFILE"); file != "" {
		log, err := handshake.OpenKeyLog(file)
		if err != nil {
			return s, done, fmt.Errorf("SSLKEYLOGFILE: %w", err)
		}
		s.KeyLog, done = io.Writer(log), func() { log.Close() }
	}
	return s, done, nil
}

func (f *serverTLSFlags) certificate() (*tls.Certificate, error) {
	switch {
	case f.cert == "" && f.key == "":
		return nil, nil
	case f.cert == "":
		return nil, wrong("key-without-certificate")
	}
	key := f.key
	if key == "" {
		key = f.cert
	}
	cert, err := handshake.LoadCertificate(f.cert, key)
	if err != nil {
		return nil, fmt.Errorf("--client-cert: %w", err)
	}
	return cert, nil
}

// authority is the local one, made on first use.
func authority() (*ca.Authority, error) {
	dir, err := ca.DefaultDir()
	if err != nil {
		return nil, err
	}
	return ca.Open(dir)
}

// readRoots reads a file of certificates; "" means the system's roots.
func readRoots(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	pool, err := handshake.LoadRoots(file)
	if err != nil {
		return nil, fmt.Errorf("--server-ca: %w", err)
	}
	return pool, nil
}
