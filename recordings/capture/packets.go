package capture

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net/netip"
	"smtptap/decode/lang"
	"strconv"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
)

// magics are the first four bytes of capture files: pcap with microseconds and
// with nanoseconds, each in both byte orders, and pcapng.
var magics = [][]byte{
	{0xd4, 0xc3, 0xb2, 0xa1}, {0xa1, 0xb2, 0xc3, 0xd4},
	{0x4d, 0x3c, 0xb2, 0xa1}, {0xa1, 0xb2, 0x3c, 0x4d},
	{0x0a, 0x0d, 0x0d, 0x0a},
}

// MagicLen is how many bytes Is needs to see.
const MagicLen = 4

// Is reports whether a file that begins with p is a capture file.
func Is(p []byte) bool {
	for _, m := range magics {
		if bytes.HasPrefix(p, m) {
			return true
		}
	}
	return false
}

// A segment is a TCP segment in a packet.
type segment struct {
	frame         int // number of its packet in the file, from 1
	at            time.Time
	from, to      netip.AddrPort
	seq, ack      uint32
	syn, fin, rst bool
	acks          bool // ack counts
	data          []byte
}

// A packetReader reads the packets of a file of either format.
type packetReader interface {
	ZeroCopyReadPacketData() ([]byte, gopacket.CaptureInfo, error)
}

// ErrNoCapture is returned for a file that is no capture.
var ErrNoCapture = words.Error("no-capture")

// A Damage says where a capture can't be read any further.
type Damage struct {
	Frame int // number of the packet that can't be read
	Err   error
}

func (d *Damage) Error() string { return d.In(lang.English) }

// In is the error in one language.
func (d *Damage) In(l lang.Lang) string {
	key := "damaged"
	if errors.Is(d.Err, io.ErrUnexpectedEOF) {
		key = "cut-off"
	}
	return words.Say(l, key, "frame", strconv.Itoa(d.Frame), "why", lang.Of(l, d.Err))
}

func (d *Damage) Unwrap() error { return d.Err }

// segments gives take every TCP segment in the file, in the order of the file.
// The data of one is valid until take returns.
func segments(r io.Reader, take func(*segment)) error {
	br := bufio.NewReaderSize(r, 64<<10)
	start, err := br.Peek(MagicLen)
	if err != nil && err != io.EOF {
		return words.Error("read", "why", err)
	}
	if !Is(start) {
		return ErrNoCapture
	}
	packets, link, err := openPackets(br, start)
	if err != nil {
		return &Damage{1, err}
	}
	for frame := 1; ; frame++ {
		data, info, err := packets.ZeroCopyReadPacketData()
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			return &Damage{frame, err}
		}
		if len(info.AncillaryData) > 0 {
			link, _ = info.AncillaryData[0].(layers.LinkType)
		}
		if s, ok := readSegment(data, link); ok {
			s.frame, s.at = frame, sane(info.Timestamp)
			take(&s)
		}
	}
}

// sane is a time that a recording can hold: of others the year is beyond 9999.
func sane(at time.Time) time.Time {
	if y := at.Year(); y < 1970 || y > 9999 {
		return time.Unix(0, 0).UTC()
	}
	return at.UTC()
}

// openPackets reads the head of the file. Packets of pcapng name their own link
// type.
func openPackets(r io.Reader, start []byte) (packetReader, layers.LinkType, error) {
	if binary.BigEndian.Uint32(start) == 0x0a0d0d0a {
		ng, err := pcapgo.NewNgReader(r, pcapgo.NgReaderOptions{WantMixedLinkType: true, SkipUnknownVersion: true})
		return ng, 0, err
	}
	old, err := pcapgo.NewReader(r)
	if err != nil {
		return nil, 0, err
	}
	return old, old.LinkType(), nil
}

// readSegment finds the TCP segment in a packet: beneath VLAN tags and tunnels
// too.
func readSegment(data []byte, link layers.LinkType) (segment, bool) {
	packet := gopacket.NewPacket(data, decoder(link), gopacket.DecodeOptions{NoCopy: true})
	var src, dst netip.Addr
	for _, l := range packet.Layers() {
		switch l := l.(type) {
		case *layers.IPv4:
			src, dst = addr(l.SrcIP), addr(l.DstIP)
		case *layers.IPv6:
			src, dst = addr(l.SrcIP), addr(l.DstIP)
		case *layers.TCP:
			return segment{
				from: netip.AddrPortFrom(src, uint16(l.SrcPort)), to: netip.AddrPortFrom(dst, uint16(l.DstPort)),
				seq: l.Seq, ack: l.Ack, syn: l.SYN, fin: l.FIN, rst: l.RST, acks: l.ACK, data: l.Payload,
			}, src.IsValid() && dst.IsValid()
		}
	}
	return segment{}, false
}

func addr(ip []byte) netip.Addr {
	a, _ := netip.AddrFromSlice(ip)
	return a.Unmap()
}

// decoder is what reads packets of a link type.
func decoder(link layers.LinkType) gopacket.Decoder {
	switch link {
	case 12, 14: // raw IP, by the numbers of some BSDs
		return layers.LinkTypeRaw
	case layers.LinkTypeIPv4:
		return layers.LayerTypeIPv4
	case layers.LinkTypeIPv6:
		return layers.LayerTypeIPv6
	}
	return link
}
