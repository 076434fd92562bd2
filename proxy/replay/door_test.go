package replay_test

import (
	"net"
	"testing"

	"smtptap/proxy/replay"
)

// Whoever connects before or after the client finds the door closed.
func TestDoor(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	door := replay.NewDoor(l)
	accepted := make(chan net.Conn)
	go func() {
		defer close(accepted)
		for {
			c, err := door.Accept()
			if err != nil {
				return
			}
			accepted <- c
		}
	}()
	early, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer early.Close()
	own, err := door.Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer own.Close()
	got := <-accepted
	if got.RemoteAddr().String() != own.LocalAddr().String() {
		t.Errorf("let in %v, want %v", got.RemoteAddr(), own.LocalAddr())
	}
	got.Close()
	late, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer late.Close()
	for _, stranger := range []net.Conn{early, late} {
		if n, err := stranger.Read(make([]byte, 1)); n > 0 || err == nil {
			t.Errorf("a stranger heard %d bytes, %v", n, err)
		}
	}
	door.Close()
	if c, open := <-accepted; open {
		t.Errorf("let in %v", c.RemoteAddr())
	}
}
