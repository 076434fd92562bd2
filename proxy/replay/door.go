package replay

import (
	"context"
	"net"
	"sync"
)

// A Door is a listener that lets in the connection made by its Dial, and no
// other: any program of this machine can reach its port, and would be who the
// server takes for the recorded client.
type Door struct {
	net.Listener
	dialled chan net.Addr // where our connection comes from, once it is made
	own     net.Addr
	closed  chan struct{}
	once    sync.Once
}

// NewDoor is a Door before that listener.
func NewDoor(l net.Listener) *Door {
	return &Door{Listener: l, dialled: make(chan net.Addr, 1), closed: make(chan struct{})}
}

// Dial makes the connection. It is for one call.
func (d *Door) Dial(ctx context.Context) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", d.Addr().String())
	if err == nil {
		d.dialled <- conn.LocalAddr()
	}
	return conn, err
}

// Accept waits for the connection that Dial makes. All others are closed.
func (d *Door) Accept() (net.Conn, error) {
	for {
		conn, err := d.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if d.isOwn(conn) {
			return conn, nil
		}
		conn.Close()
	}
}

func (d *Door) isOwn(conn net.Conn) bool {
	if d.own == nil {
		select {
		case d.own = <-d.dialled:
		case <-d.closed:
			return false
		}
	}
	return conn.RemoteAddr().String() == d.own.String()
}

// Close closes the listener.
func (d *Door) Close() error {
	d.once.Do(func() { close(d.closed) })
	return d.Listener.Close()
}
