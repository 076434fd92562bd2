package proxy_test

import (
	"testing"

	"smtptap/decode/facts"
)

func TestHalfCloseByClient(t *testing.T) {
	b := setUp(t, nil)
	client, server := b.connect()
	write(t, server, "220 ready\r\n")
	expect(t, client, "220 ready\r\n")
	write(t, client, "QUIT\r\n")
	client.CloseWrite()
	expect(t, server, "QUIT\r\n")
	expectEOF(t, server)
	write(t, server, "221 bye\r\n")
	expect(t, client, "221 bye\r\n")
	server.Close()
	expectEOF(t, client)
	end, closed := b.end()
	if end.Cause != facts.CauseClosed || closed[facts.ClientLeg] != "fin" || closed[facts.ServerLeg] != "fin" {
		t.Errorf("ended as %+v, %v", end, closed)
	}
}
