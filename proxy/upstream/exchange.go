package upstream

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/miekg/dns"
)

// udpSize is the size of UDP answers that is asked for with EDNS0. It passes
// every network path unfragmented.
const udpSize = 1232

// newQuery is a question with EDNS0. The AD bit asks the resolver to say
// whether it has validated the answer (RFC 6840 section 5.7).
func newQuery(name string, qtype uint16) *dns.Msg {
	q := new(dns.Msg)
	q.SetQuestion(dns.Fqdn(name), qtype)
	q.AuthenticatedData = true
	q.SetEdns0(udpSize, false)
	return q
}

// exchange sends query to one server over network ("udp" or "tcp") and waits
// for its answer until ctx ends. Over UDP, what is not the answer is passed
// over; over TCP it is the end.
func exchange(ctx context.Context, network, server string, query *dns.Msg) (*dns.Msg, error) {
	conn, err := new(net.Dialer).DialContext(ctx, network, server)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()

	c := &dns.Conn{Conn: conn, UDPSize: dns.MaxMsgSize}
	if err := c.WriteMsg(query); err != nil {
		return nil, err
	}
	var last error
	for {
		raw, err := c.ReadMsgHeader(nil)
		var answer *dns.Msg
		switch {
		case err == nil:
			answer, err = readAnswer(query, raw)
		case errors.Is(err, dns.ErrShortRead):
			err = mismatch("malformed")
		case last != nil && isTimeout(err):
			return nil, last
		default:
			return nil, err
		}
		if err == nil || network == "tcp" {
			return answer, err
		}
		last = err
	}
}

func isTimeout(err error) bool {
	var t net.Error
	return errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) || errors.As(err, &t) && t.Timeout()
}

// why says in a few stable words what went wrong in an exchange.
func why(err error) string {
	var m mismatch
	switch {
	case err == nil:
		return ""
	case errors.As(err, &m):
		return string(m)
	case isTimeout(err):
		return "timeout"
	case errors.Is(err, context.Canceled):
		return "cancelled"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "connection closed"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH):
		return "unreachable"
	}
	var op *net.OpError
	if errors.As(err, &op) && op.Err != nil {
		return op.Err.Error()
	}
	return err.Error()
}
