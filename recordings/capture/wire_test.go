package capture_test

import (
	"bytes"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
)

// A packet is a TCP segment between the client and the server of a test.
type packet struct {
	fromServer    bool
	at            time.Duration
	seq, ack      uint32
	syn, fin, rst bool
	noAck         bool
	data          string
}

// A wire makes the packets of one connection, as two well-behaved ends send
// them.
type wire struct {
	packets []packet
	seq     [2]uint32
	at      time.Duration
}

// newWire begins near the place where sequence numbers wrap.
func newWire() *wire { return &wire{seq: [2]uint32{0xfffffff0, 0xffffff00}} }

func (w *wire) send(server bool, set func(*packet)) {
	me, peer := 0, 1
	if server {
		me, peer = 1, 0
	}
	p := packet{fromServer: server, at: w.at, seq: w.seq[me], ack: w.seq[peer]}
	set(&p)
	w.seq[me] += uint32(len(p.data))
	if p.syn || p.fin {
		w.seq[me]++
	}
	w.at += time.Millisecond
	w.packets = append(w.packets, p)
}

func (w *wire) open() *wire {
	w.send(false, func(p *packet) { p.syn, p.noAck, p.ack = true, true, 0 })
	w.send(true, func(p *packet) { p.syn = true })
	w.send(false, func(*packet) {})
	return w
}

func (w *wire) client(text string) *wire {
	w.send(false, func(p *packet) { p.data = text })
	return w
}

func (w *wire) server(text string) *wire {
	w.send(true, func(p *packet) { p.data = text })
	return w
}

func (w *wire) close() *wire {
	w.send(false, func(p *packet) { p.fin = true })
	w.send(true, func(p *packet) { p.fin = true })
	w.send(false, func(*packet) {})
	return w
}

// cut sends the same bytes in other segments.
func cut(packets []packet, random *rand.Rand) []packet {
	var out []packet
	for _, p := range packets {
		for len(p.data) > 1 && random.IntN(2) == 0 {
			n := 1 + random.IntN(len(p.data)-1)
			first := p
			first.data, first.fin = p.data[:n], false
			out = append(out, first)
			p.data, p.seq = p.data[n:], p.seq+uint32(n)
		}
		out = append(out, p)
	}
	return out
}

// A shape says how packets are put into a file.
type shape struct {
	link           layers.LinkType
	v6, vlan, ng   bool
	client, server netip.AddrPort
	snap           int // bytes of each packet that are kept; 0 for all
}

func ethernet(port uint16) shape {
	return shape{
		link:   layers.LinkTypeEthernet,
		client: netip.MustParseAddrPort("192.0.2.1:40001"), server: netip.AddrPortFrom(netip.MustParseAddr("198.51.100.2"), port),
	}
}

// frame is the packet as a frame of the shape's link.
func (s shape) frame(t testing.TB, p packet) []byte {
	t.Helper()
	src, dst := s.client, s.server
	if p.fromServer {
		src, dst = dst, src
	}
	tcp := &layers.TCP{SrcPort: layers.TCPPort(src.Port()), DstPort: layers.TCPPort(dst.Port()), Seq: p.seq, Ack: p.ack, ACK: !p.noAck, SYN: p.syn, FIN: p.fin, RST: p.rst, Window: 1000}
	var ip gopacket.SerializableLayer
	kind := layers.EthernetTypeIPv4
	if src.Addr().Is4() {
		ip = &layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolTCP, SrcIP: src.Addr().AsSlice(), DstIP: dst.Addr().AsSlice()}
	} else {
		ip = &layers.IPv6{Version: 6, HopLimit: 64, NextHeader: layers.IPProtocolTCP, SrcIP: src.Addr().AsSlice(), DstIP: dst.Addr().AsSlice()}
		kind = layers.EthernetTypeIPv6
	}
	tcp.SetNetworkLayerForChecksum(ip.(gopacket.NetworkLayer))
	all := []gopacket.SerializableLayer{ip, tcp, gopacket.Payload(p.data)}
	var head []byte
	switch s.link {
	case layers.LinkTypeEthernet:
		eth := &layers.Ethernet{SrcMAC: make([]byte, 6), DstMAC: make([]byte, 6), EthernetType: kind}
		if s.vlan {
			eth.EthernetType = layers.EthernetTypeDot1Q
			all = append([]gopacket.SerializableLayer{&layers.Dot1Q{VLANIdentifier: 7, Type: kind}}, all...)
		}
		all = append([]gopacket.SerializableLayer{eth}, all...)
	case layers.LinkTypeLinuxSLL:
		head = append(make([]byte, 14), byte(kind>>8), byte(kind))
	case layers.LinkTypeLinuxSLL2:
		head = append([]byte{byte(kind >> 8), byte(kind)}, make([]byte, 18)...)
	case layers.LinkTypeNull:
		head = []byte{2, 0, 0, 0}
		if s.v6 {
			head[0] = 30
		}
	}
	buf := gopacket.NewSerializeBuffer()
	if err := gopacket.SerializeLayers(buf, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, all...); err != nil {
		t.Fatal(err)
	}
	return append(head, buf.Bytes()...)
}

var started = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// A connection is packets and the shape that they have in the file.
type connection struct {
	shape
	packets []packet
}

// file is a capture file of connections, one after the other.
func file(t testing.TB, connections ...connection) []byte {
	t.Helper()
	var b bytes.Buffer
	write := writer(t, &b, connections[0].shape)
	for _, c := range connections {
		for _, p := range c.packets {
			frame := c.frame(t, p)
			info := gopacket.CaptureInfo{Timestamp: started.Add(p.at), Length: len(frame), CaptureLength: len(frame)}
			if c.snap > 0 && len(frame) > c.snap {
				frame, info.CaptureLength = frame[:c.snap], c.snap
			}
			if err := write(info, frame); err != nil {
				t.Fatal(err)
			}
		}
	}
	return b.Bytes()
}

func writer(t testing.TB, b *bytes.Buffer, s shape) func(gopacket.CaptureInfo, []byte) error {
	t.Helper()
	if !s.ng {
		w := pcapgo.NewWriter(b)
		if err := w.WriteFileHeader(1<<16, s.link); err != nil {
			t.Fatal(err)
		}
		return w.WritePacket
	}
	w, err := pcapgo.NewNgWriter(b, s.link)
	if err != nil {
		t.Fatal(err)
	}
	return func(info gopacket.CaptureInfo, p []byte) error {
		if err := w.WritePacket(info, p); err != nil {
			return err
		}
		return w.Flush()
	}
}
