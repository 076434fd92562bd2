package export

import (
	"fmt"
	"io"
	"net/netip"
	"strings"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"

	"smtptap/decode"
	"smtptap/decode/facts"
	"smtptap/decode/findings"
	"smtptap/decode/lang"
	"smtptap/decode/who"
)

// PCAPNG writes the session as a capture of one TCP connection between the
// client and the server, as if smtptap had not been there and nothing had been
// encrypted: what was said inside TLS stands there in clear. After STARTTLS it
// goes on in a second connection, because Wireshark would look for TLS in the
// first. Times are those of the recording; addresses, sequence numbers and
// checksums are made so that Wireshark reads it as SMTP. Findings are comments
// on the packets that prove them.
//
// What smtptap said on the server's leg alone is left out: on one connection
// there is no place for it.
func PCAPNG(w io.Writer, t *decode.Transcript, l lang.Lang) error {
	ng, err := pcapgo.NewNgWriterInterface(w, pcapgo.NgInterface{
		Name: "smtptap", Comment: words.Say(l, "packets"), LinkType: layers.LinkTypeEthernet, SnapLength: 0,
		TimestampResolution: 9,
	}, pcapgo.NgWriterOptions{SectionInfo: pcapgo.NgSectionInfo{Application: "smtptap", Comment: findings.Analyze(t, l).Verdict.Text}})
	if err != nil {
		return err
	}
	c := newCapture(ng, t, l)
	c.handshake()
	for i := range t.Entries {
		c.entry(i)
	}
	c.close()
	if c.err != nil {
		return c.err
	}
	return ng.Flush()
}

// segment is how many bytes one packet carries at most.
const segment = 1448

// A capture builds packets.
type capture struct {
	ng       *pcapgo.NgWriter
	t        *decode.Transcript
	ends     [2]end // client, server
	at       time.Duration
	closed   [2]bool
	said     bool // bytes passed on this connection
	tls      bool // they are the clear text of TLS
	comments map[int][]string
	err      error
}

// An end of the connection.
type end struct {
	mac  []byte
	addr netip.AddrPort
	seq  uint32
}

func newCapture(ng *pcapgo.NgWriter, t *decode.Transcript, l lang.Lang) *capture {
	client, server := addresses(t)
	c := &capture{ng: ng, t: t, comments: map[int][]string{}}
	c.ends[0] = end{[]byte{2, 0, 0, 0, 0, 1}, client, 1000}
	c.ends[1] = end{[]byte{2, 0, 0, 0, 0, 2}, server, 5000}
	for _, f := range findings.Analyze(t, l).Findings {
		if n := len(f.Entries); n > 0 {
			at := f.Entries[n-1]
			c.comments[at] = append(c.comments[at], fmt.Sprintf("%s [%s]\n%s", headline(f.Severity, f.Text, l), f.ID, strings.Join(f.Fix.Steps, "\n")))
		}
	}
	return c
}

// smtpPort is a port that every dissector takes for SMTP.
const smtpPort = 25

// addresses are the ends as the recording names them. A server port that is
// not known for SMTP becomes 25: which port it was stands in the dial fact.
func addresses(t *decode.Transcript) (client, server netip.AddrPort) {
	client = netip.MustParseAddrPort("192.0.2.1:49152")
	server = netip.AddrPortFrom(netip.MustParseAddr("192.0.2.2"), smtpPort)
	for _, e := range t.Entries {
		switch f := e.Fact.(type) {
		case *facts.Open:
			if a, err := netip.ParseAddrPort(f.Client); err == nil {
				client = a
			}
		case *facts.Dial:
			if a, err := netip.ParseAddrPort(f.Addr); err == nil && f.Err == "" {
				server = a
			}
		}
	}
	if p := server.Port(); p != 25 && p != 587 {
		server = netip.AddrPortFrom(server.Addr(), smtpPort)
	}
	if client.Addr().Unmap().Is4() != server.Addr().Unmap().Is4() {
		// One packet can't have both kinds.
		client = netip.AddrPortFrom(netip.MustParseAddr("192.0.2.1"), client.Port())
		if !server.Addr().Unmap().Is4() {
			client = netip.AddrPortFrom(netip.MustParseAddr("2001:db8::1"), client.Port())
		}
	}
	return netip.AddrPortFrom(client.Addr().Unmap().WithZone(""), client.Port()), netip.AddrPortFrom(server.Addr().Unmap().WithZone(""), server.Port())
}

// reconnect goes on in a connection of its own, after STARTTLS.
func (c *capture) reconnect() {
	c.fin(0, false)
	c.fin(1, false)
	c.closed = [2]bool{}
	addr := c.ends[0].addr
	c.ends[0].addr = netip.AddrPortFrom(addr.Addr(), addr.Port()^1)
	c.handshake()
}

// handshake opens the connection.
func (c *capture) handshake() {
	c.packet(0, nil, nil, func(h *layers.TCP) { h.SYN, h.ACK, h.Ack = true, false, 0 })
	c.ends[0].seq++
	c.packet(1, nil, nil, func(h *layers.TCP) { h.SYN = true })
	c.ends[1].seq++
	c.packet(0, nil, nil, nil)
}

func (c *capture) entry(i int) {
	e := c.t.Entries[i]
	if c.err != nil || e.Event != nil && e.Leg == who.ServerLeg {
		return
	}
	if e.Event == nil {
		c.fact(e)
		return
	}
	if e.Event.Kind == decode.KindMissing {
		return
	}
	c.at = max(c.at, e.At)
	if e.Event.TLS && !c.tls {
		c.tls = true
		if c.said {
			c.reconnect()
		}
	}
	c.said = true
	from := 0
	if e.Event.Side == who.Server {
		from = 1
	}
	if c.t.Bytes == nil {
		c.data(from, e.Event.Raw, c.comments[i])
		return
	}
	const piece = 256 << 10
	comments := c.comments[i]
	for span := e.Event.Span; span.Len() > 0 && c.err == nil; {
		part := span
		part.End = min(span.End, span.Start+piece)
		b, err := c.t.Bytes(who.ClientLeg, e.Event.Side, part)
		if err != nil {
			c.err = err
			return
		}
		c.data(from, b, comments)
		comments = nil
		span.Start = part.End
	}
}

// fact closes a direction where the recording says that it was.
func (c *capture) fact(e decode.Entry) {
	f, ok := e.Fact.(*facts.Closed)
	if !ok {
		return
	}
	from := 0
	if f.Leg == who.ServerLeg {
		from = 1
	}
	c.at = max(c.at, e.At)
	c.fin(from, f.How == "reset")
}

// data sends bytes, and lets the other end acknowledge them.
func (c *capture) data(from int, p []byte, comments []string) {
	for len(p) > 0 && c.err == nil {
		n := min(len(p), segment)
		c.packet(from, p[:n], comments, func(h *layers.TCP) { h.PSH = true })
		c.ends[from].seq += uint32(n)
		p, comments = p[n:], nil
	}
	c.packet(1-from, nil, nil, nil)
}

func (c *capture) fin(from int, reset bool) {
	if c.closed[from] {
		return
	}
	c.closed[from] = true
	if reset {
		c.closed[1-from] = true
		c.packet(from, nil, nil, func(h *layers.TCP) { h.RST = true })
		return
	}
	c.packet(from, nil, nil, func(h *layers.TCP) { h.FIN = true })
	c.ends[from].seq++
	c.packet(1-from, nil, nil, nil)
}

// close ends what the recording does not tell the end of.
func (c *capture) close() {
	if c.t.Ended {
		c.fin(0, false)
		c.fin(1, false)
	}
}

// packet writes one packet. Packets come a microsecond after one another at
// least, so that their order shows in their times.
func (c *capture) packet(from int, payload []byte, comments []string, set func(*layers.TCP)) {
	if c.err != nil {
		return
	}
	src, dst := &c.ends[from], &c.ends[1-from]
	eth := &layers.Ethernet{SrcMAC: src.mac, DstMAC: dst.mac, EthernetType: layers.EthernetTypeIPv4}
	tcp := &layers.TCP{SrcPort: layers.TCPPort(src.addr.Port()), DstPort: layers.TCPPort(dst.addr.Port()), Seq: src.seq, Ack: dst.seq, ACK: true, Window: 65535}
	if set != nil {
		set(tcp)
	}
	var ip gopacket.SerializableLayer
	if src.addr.Addr().Is4() {
		v4 := &layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolTCP, SrcIP: src.addr.Addr().AsSlice(), DstIP: dst.addr.Addr().AsSlice()}
		c.err = tcp.SetNetworkLayerForChecksum(v4)
		ip = v4
	} else {
		eth.EthernetType = layers.EthernetTypeIPv6
		v6 := &layers.IPv6{Version: 6, HopLimit: 64, NextHeader: layers.IPProtocolTCP, SrcIP: src.addr.Addr().AsSlice(), DstIP: dst.addr.Addr().AsSlice()}
		c.err = tcp.SetNetworkLayerForChecksum(v6)
		ip = v6
	}
	buf := gopacket.NewSerializeBuffer()
	if c.err == nil {
		c.err = gopacket.SerializeLayers(buf, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, eth, ip, tcp, gopacket.Payload(payload))
	}
	if c.err != nil {
		return
	}
	frame := buf.Bytes()
	info := gopacket.CaptureInfo{Timestamp: c.t.Started.Add(c.at), CaptureLength: len(frame), Length: len(frame)}
	c.at += time.Microsecond
	c.err = c.ng.WritePacketWithOptions(info, frame, pcapgo.NgPacketOptions{Comments: comments})
}
