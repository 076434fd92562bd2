package handshake_test

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"smtptap/decode/facts"
	"smtptap/proxy/ca"
	"smtptap/proxy/handshake"
	"smtptap/proxy/handshake/certtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds every wait of the tests. It only matters when one fails.
const patience = 20 * time.Second

// pipe is a connection over loopback.
func pipe(t testing.TB) (ours, peers *net.TCPConn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	type accepted struct {
		conn net.Conn
		err  error
	}
	ch := make(chan accepted, 1)
	go func() {
		conn, err := l.Accept()
		ch <- accepted{conn, err}
	}()
	out, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	in := <-ch
	if in.err != nil {
		t.Fatal(in.err)
	}
	for _, c := range []net.Conn{out, in.conn} {
		t.Cleanup(func() { c.Close() })
		c.SetDeadline(time.Now().Add(patience))
	}
	return out.(*net.TCPConn), in.conn.(*net.TCPConn)
}

// withServer shakes hands with a server that the test plays.
func withServer(t testing.TB, s *handshake.Settings, to handshake.Server, server func(net.Conn)) (*tls.Conn, *facts.TLS, error) {
	t.Helper()
	ours, peers := pipe(t)
	var wg sync.WaitGroup
	wg.Go(func() { server(peers) })
	conn, fact, err := s.WithServer(ours, to)
	if err != nil {
		ours.Close()
	}
	wg.Wait()
	return conn, fact, err
}

// withClient shakes hands with a client that the test plays.
func withClient(t testing.TB, s *handshake.Settings, as handshake.Client, client func(net.Conn)) (*tls.Conn, *facts.TLS, error) {
	t.Helper()
	ours, peers := pipe(t)
	var wg sync.WaitGroup
	wg.Go(func() { client(peers) })
	conn, fact, err := s.WithClient(ours, as)
	if err != nil {
		ours.Close()
	}
	wg.Wait()
	return conn, fact, err
}

// tlsServer is a server that shakes hands as config says.
func tlsServer(config *tls.Config) func(net.Conn) {
	return func(conn net.Conn) {
		c := tls.Server(conn, config)
		if c.Handshake() != nil {
			conn.Close()
		}
	}
}

// tlsClient is a client that shakes hands as config says, and closes the
// connection if nothing comes of it.
func tlsClient(config *tls.Config) func(net.Conn) {
	return func(conn net.Conn) {
		c := tls.Client(conn, config)
		if c.Handshake() != nil {
			conn.Close()
		}
	}
}

// withAuthority are settings with a new authority, and a pool that trusts it.
func withAuthority(t testing.TB) (*handshake.Settings, *x509.CertPool) {
	t.Helper()
	a, err := ca.Open(t.TempDir() + "/ca")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a.example", "mail.example.com", "smtp.example.com"} {
		if err := a.Prepare(name); err != nil {
			t.Fatal(err)
		}
	}
	pool := a.Pool()
	return &handshake.Settings{Authority: func() (*ca.Authority, error) { return a, nil }}, pool
}

func good(t testing.TB) (*certtest.Authority, tls.Certificate) {
	t.Helper()
	a := certtest.NewAuthority(t, "Example Root")
	return a, a.Issue(t, certtest.Spec{Names: []string{"mail.example.com"}})
}
