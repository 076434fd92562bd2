package tui

import (
	"fmt"
	"strings"
	"time"

	"smtptap/decode/facts"
	"smtptap/decode/who"
	"smtptap/recordings"
	"smtptap/recordings/transcript"
)

// A simulation plays sessions into a set without a network. Its clock stands
// still between the lines of a script.
type simulation struct {
	Set *transcript.Set
	now time.Time
	n   int // sessions so far
}

// newSimulation returns one without sessions. The folder may be nil: nothing is recorded then.
func newSimulation(start time.Time, folder *recordings.Folder, keepSecrets bool) *simulation {
	s := &simulation{now: start}
	s.Set = transcript.NewSet(transcript.Options{Folder: folder, KeepSecrets: keepSecrets, Program: "tests", Clock: s.Now})
	return s
}

// Now is the time in the simulation.
func (s *simulation) Now() time.Time { return s.now }

// Wait lets time pass.
func (s *simulation) Wait(d time.Duration) { s.now = s.now.Add(d) }

// Play plays a script to its end and returns the session's id.
//
//	S: 220 mail.example.com   the server says a line, CRLF is added
//	C: EHLO app.example.net   the client does
//	+120ms                    time passes
//	tls                       both legs shake hands
//	half                      stop here: the session goes on running
//	<<                        what follows up to >> is sent by the client as it
//	>>                        stands, lines ended by CRLF
//
// Go escapes such as \x1b stand for bytes that can't be typed.
func (s *simulation) Play(target, script string) string {
	l, p, over := s.begin(target, script)
	if !over {
		return l.ID()
	}
	l.Closed(who.Client, facts.Closed{Leg: who.ClientLeg, How: "fin"})
	l.Closed(who.Server, facts.Closed{Leg: who.ServerLeg, How: "fin"})
	l.End(facts.End{Cause: facts.CauseClosed, ClientBytes: p.bytes[0], ServerBytes: p.bytes[1]})
	return l.ID()
}

// Begin plays a script and leaves the session running.
func (s *simulation) Begin(target, script string) *transcript.Log {
	l, _, _ := s.begin(target, script)
	return l
}

// begin plays a script, and reports whether it went to its end.
func (s *simulation) begin(target, script string) (*transcript.Log, player, bool) {
	l := s.Set.Begin(transcript.Session{Listen: "127.0.0.1:2525", Target: target, Mode: "intercept"})
	s.n++
	p := player{sim: s, log: l, target: target}
	client := fmt.Sprintf("127.0.0.1:%d", 50000+s.n)
	l.Fact(&facts.Open{Client: client, Listen: "127.0.0.1:2525"})
	s.Wait(12 * time.Millisecond)
	l.Fact(&facts.Dial{Host: hostOf(target), Addr: "192.0.2.25:587", Local: "198.51.100.7:41000", Why: "configured", Took: 11 * time.Millisecond})
	for _, line := range strings.Split(script, "\n") {
		if !p.line(line) {
			return l, p, false
		}
	}
	return l, p, true
}

func hostOf(target string) string {
	host, _, _ := strings.Cut(strings.TrimPrefix(target, "smtp://"), ":")
	return host
}

// A player goes through a script.
type player struct {
	sim    *simulation
	log    *transcript.Log
	target string
	quoted bool // between << and >>
	bytes  [2]int64
}

// line plays a line and reports whether the session goes on.
func (p *player) line(line string) bool {
	trimmed := strings.TrimSpace(line)
	switch {
	case trimmed == "<<" || trimmed == ">>":
		p.quoted = trimmed == "<<"
	case p.quoted:
		p.say(who.Client, who.Server, line)
	case trimmed == "":
	case trimmed == "half":
		return false
	case trimmed == "tls":
		p.tls()
	case strings.HasPrefix(trimmed, "+"):
		d, err := time.ParseDuration(trimmed[1:])
		if err != nil {
			panic(err) // the scripts are ours
		}
		p.sim.Wait(d)
	case strings.HasPrefix(trimmed, "C: "):
		p.sim.Wait(2 * time.Millisecond)
		p.say(who.Client, who.Server, trimmed[3:])
	case strings.HasPrefix(trimmed, "S: "):
		p.sim.Wait(9 * time.Millisecond)
		p.say(who.Server, who.Client, trimmed[3:])
	default:
		panic("no line of a script: " + trimmed)
	}
	return true
}

func (p *player) say(from, to who.Party, line string) {
	b := []byte(unescape(line) + "\r\n")
	side := 0
	if from == who.Server {
		side = 1
	}
	p.bytes[side] += int64(len(b))
	p.log.Data(from, to, b)
}

// unescape resolves \xNN.
func unescape(s string) string {
	var b strings.Builder
	for {
		i := strings.Index(s, `\x`)
		if i < 0 || i+4 > len(s) {
			return b.String() + s
		}
		var c byte
		if _, err := fmt.Sscanf(s[i+2:i+4], "%02x", &c); err != nil {
			panic(err) // the scripts are ours
		}
		b.WriteString(s[:i])
		b.WriteByte(c)
		s = s[i+4:]
	}
}

// tls shakes hands on both legs.
func (p *player) tls() {
	p.sim.Wait(23 * time.Millisecond)
	host := hostOf(p.target)
	from, to := p.sim.now.AddDate(0, -1, 0).Truncate(24*time.Hour), p.sim.now.AddDate(0, 2, 0).Truncate(24*time.Hour)
	p.log.Fact(&facts.TLS{
		Leg: who.ServerLeg, Version: "TLS 1.3", Cipher: "TLS_AES_128_GCM_SHA256", SNI: host, Took: 21 * time.Millisecond,
		Verified: true, Checked: true, Verdict: "ok",
		Chain: []facts.Certificate{
			{Subject: "CN=" + host, Issuer: "CN=Example Issuing CA R3,O=Example Trust", Names: []string{host, "*." + host}, NotBefore: from, NotAfter: to, Key: "ECDSA P-256", SHA256: strings.Repeat("5e7a", 16)},
			{Subject: "CN=Example Issuing CA R3,O=Example Trust", Issuer: "CN=Example Root X1,O=Example Trust", NotBefore: from.AddDate(-3, 0, 0), NotAfter: to.AddDate(2, 0, 0), Key: "RSA 2048", SHA256: strings.Repeat("91c0", 16)},
		},
	})
	p.sim.Wait(8 * time.Millisecond)
	p.log.Fact(&facts.TLS{
		Leg: who.ClientLeg, Version: "TLS 1.3", Cipher: "TLS_AES_256_GCM_SHA384", SNI: host, Took: 6 * time.Millisecond,
		Chain: []facts.Certificate{{Subject: "CN=" + host, Issuer: "CN=smtptap local authority", Names: []string{host}, NotBefore: from, NotAfter: to, Key: "ECDSA P-256", SHA256: strings.Repeat("0d44", 16)}},
	})
	p.log.Secured(who.ClientLeg)
}
