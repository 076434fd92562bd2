package proxy_test

import (
	"bytes"
	"io"
	"net"
	"testing"
)

// FuzzRelay has both sides say anything at the same time. What one says the
// other hears, and the session ends. The lowest bit of the first byte of a
// stretch says who sends it, the others how long it is.
func FuzzRelay(f *testing.F) {
	for _, s := range []string{
		"", "\x14EHLO a.test\r\n\x0d220 x\r\n", "\x14STARTTLS\r\nNOOP\r\n\x11220 go\r\n220 x", "\x14STARTTLS\r\n\x0b454 n\r\n\x0cNOOP\r\n",
		"\x0cDATA\r\n\x14STARTTLS\r\n\x0b554 n\r\n\x0b454 n\r\n", "\x20AUTH PLAIN AAAA\r\n\x0b235 y\r\n", "\x30BDAT 5 LAST\r\n\r\n.\r\n\x16\x03\x01",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, input []byte) {
		stretches := [2][][]byte{}
		for len(input) > 0 {
			side, n := input[0]&1, min(int(input[0]>>1), len(input)-1)
			stretches[side] = append(stretches[side], input[1:1+n])
			input = input[1+n:]
		}
		client, server := setUp(t, nil).connect()
		heard := make(chan []byte, 1)
		go func() { heard <- converse(t, server, stretches[1]) }()
		byClient := converse(t, client, stretches[0])
		byServer := <-heard
		client.Close()
		server.Close()
		if want := bytes.Join(stretches[1], nil); !bytes.Equal(byClient, want) {
			t.Errorf("the client heard %q, want %q", byClient, want)
		}
		if want := bytes.Join(stretches[0], nil); !bytes.Equal(byServer, want) {
			t.Errorf("the server heard %q, want %q", byServer, want)
		}
	})
}

// converse sends stretches, ends its direction, and returns all that it heard.
func converse(t *testing.T, conn *net.TCPConn, stretches [][]byte) []byte {
	sent := make(chan error, 1)
	go func() {
		for _, p := range stretches {
			if _, err := conn.Write(p); err != nil {
				sent <- err
				return
			}
		}
		sent <- conn.CloseWrite()
	}()
	heard, err := io.ReadAll(conn)
	if err != nil {
		t.Error(err)
	}
	if err := <-sent; err != nil {
		t.Error(err)
	}
	return heard
}
