// Package facts holds what a session's bytes do not say: who connected, which
// server was tried, what the resolver answered, how TLS was agreed, who ended
// it and how, where a secret or anything else was left out. Facts are the JSON
// of recordings; a field may be added, none may change its meaning.
//
// Strings that a peer chose are kept as sent. They are made visible where they
// are shown, never here.
package facts

import (
	"encoding/json"
	"fmt"
	"time"
	"unicode/utf8"

	"smtptap/decode/who"
)

// Fact is one of the types of this package.
type Fact interface {
	// Type is the type of its record in a recording, such as "open".
	Type() string
}

// Open: a client connected.
type Open struct {
	Client string `json:"client"`        // address and port
	Listen string `json:"listen"`        // address and port where it was accepted
	TLS    bool   `json:"tls,omitempty"` // TLS from the first byte there

	Header      int    `json:"header,omitempty"`      // version of the PROXY header that names the client; 0 for none
	Peer        string `json:"peer,omitempty"`        // who connected, where a header names another client
	Destination string `json:"destination,omitempty"` // where the client wanted to go, by the header or before it was led here
}

// Dial: one attempt to reach a server.
type Dial struct {
	Host  string        `json:"host,omitempty"`  // name as configured or from the MX record
	Addr  string        `json:"addr"`            // IP address and port that was dialled, or host and port when resolving failed
	Local string        `json:"local,omitempty"` // our own address and port
	Why   Sentence      `json:"why,omitempty"`   // "configured", "MX 10 of example.org", "no MX: address of example.org"
	Took  time.Duration `json:"took"`            // nanoseconds
	Err   Sentence      `json:"err,omitempty"`   // reason it failed; "" when connected
	Class string        `json:"class,omitempty"` // of the failure: "refused", "timeout", "unreachable", "resolve", "not-allowed", "loop", "other"
}

// DNS: one question and what came back.
type DNS struct {
	Name    string        `json:"name"`
	Kind    string        `json:"kind"`             // "MX", "A", "AAAA", ...
	Server  string        `json:"server,omitempty"` // resolver's address and port
	TCP     bool          `json:"tcp,omitempty"`
	Rcode   string        `json:"rcode,omitempty"`   // "NOERROR", "NXDOMAIN", ...; "" when none came
	Answers []string      `json:"answers,omitempty"` // records in zone-file form
	Took    time.Duration `json:"took"`
	Err     string        `json:"err,omitempty"` // "timeout", "nodata", "truncated", "wrong question", ...
}

// TLS: a handshake on one leg, done or failed.
type TLS struct {
	Leg      who.Leg       `json:"leg"`
	Implicit bool          `json:"implicit,omitempty"` // from the first byte, not by STARTTLS
	Version  string        `json:"version,omitempty"`  // "TLS 1.3"
	Cipher   string        `json:"cipher,omitempty"`
	SNI      string        `json:"sni,omitempty"`
	ALPN     string        `json:"alpn,omitempty"`
	Resumed  bool          `json:"resumed,omitempty"`
	Took     time.Duration `json:"took"`

	// The server's certificate: on the server's leg the real one, on the
	// client's leg the one that smtptap minted.
	Chain []Certificate `json:"chain,omitempty"`

	Verified bool     `json:"verified,omitempty"` // server's leg: chain and name are good
	Checked  bool     `json:"checked,omitempty"`  // server's leg: a bad verdict would have ended the session
	Verdict  string   `json:"verdict,omitempty"`  // "ok", "expired", "not-yet-valid", "wrong-name", "self-signed", "unknown-authority", "weak-key", "other"
	Reason   Sentence `json:"reason,omitempty"`   // the verdict in words

	ClientCert bool   `json:"clientCert,omitempty"` // server asked for one
	Hello      *Hello `json:"hello,omitempty"`      // client's leg: what the client offered

	Err   Sentence  `json:"err,omitempty"`   // why the handshake failed; "" when it is done
	Class string    `json:"class,omitempty"` // of the failure: "alert", "timeout", "not-tls", "no-common-version", "no-common-cipher", "certificate", "closed", "reset", "other"
	Alert string    `json:"alert,omitempty"` // name of the alert, such as "unknown_ca"
	By    who.Party `json:"by,omitempty"`    // which peer said no; "" when smtptap did
}

// aLook is how long a connection may last that was only to see whether the port
// is open.
const aLook = time.Second

// AtOnce reports a client that left without a word, as one does that only looks
// whether the port is open.
func (f *TLS) AtOnce() bool {
	return f.Leg == who.ClientLeg && f.Hello == nil && (f.Class == "closed" || f.Class == "reset") && f.Took < aLook
}

// Certificate is one certificate of a chain.
type Certificate struct {
	Subject   string    `json:"subject"`
	Issuer    string    `json:"issuer"`
	Names     []string  `json:"names,omitempty"` // DNS names and IP addresses
	NotBefore time.Time `json:"notBefore"`
	NotAfter  time.Time `json:"notAfter"`
	Key       string    `json:"key"`    // "ECDSA P-256", "RSA 2048"
	SHA256    string    `json:"sha256"` // fingerprint, hex
}

// Hello: a TLS ClientHello that was seen.
type Hello struct {
	Leg      who.Leg  `json:"leg,omitempty"`
	SNI      string   `json:"sni,omitempty"`
	Versions []string `json:"versions,omitempty"`
	ALPN     []string `json:"alpn,omitempty"`
	Ciphers  []string `json:"ciphers,omitempty"`
	Library  string   `json:"library,omitempty"` // whose hello it looks like: "PHP", "Node.js", "Java", "Go", "GnuTLS", "OpenSSL"; "" for none known
	Why      string   `json:"why,omitempty"`     // HelloPassed or HelloPlainPort
}

// Why a ClientHello was seen without a handshake of smtptap's own.
const (
	HelloPassed    = "passed through" // TLS was handed through unopened
	HelloPlainPort = "on a plain port"
)

// Closed: one peer ended its direction.
type Closed struct {
	Leg who.Leg  `json:"leg"`
	How string   `json:"how"` // "fin", "close-notify", "truncated" (TLS without close_notify), "reset", "error"
	Err Sentence `json:"err,omitempty"`
}

// End: the session is over. It is the last entry of a whole recording.
type End struct {
	Cause       string   `json:"cause"` // one of the Cause constants
	Err         Sentence `json:"err,omitempty"`
	ClientBytes int64    `json:"clientBytes"` // read from the client
	ServerBytes int64    `json:"serverBytes"` // read from the server
}

// Causes of an end.
const (
	CauseClosed      = "closed" // both sides ended in an orderly way
	CauseClientReset = "client-reset"
	CauseServerReset = "server-reset"
	CauseClientGone  = "client-closed" // the client left while the server still spoke
	CauseServerGone  = "server-closed" // the server left first
	CauseUnreachable = "unreachable"   // no server could be reached
	CauseRefused     = "refused"       // smtptap itself refused (not allowed, loop, limits)
	CauseTLS         = "tls"           // a handshake failed
	CauseIdle        = "idle"          // --idle-timeout
	CauseShutdown    = "shutdown"      // smtptap was stopped
	CauseByHand      = "by-hand"       // somebody who watched closed it
	CauseInternal    = "internal"      // a fault of smtptap
	CauseRule        = "rule"          // a rule ended it, or answered nothing more
)

// Note: something that smtptap did or says itself.
type Note struct {
	ID   string   `json:"id"`   // stable, such as "starttls-hidden", "starttls-injection", "too-many-sessions"
	Text Sentence `json:"text"` // one sentence, safe to print
}

// NewNote is the note with that id, in the words of the text with that key.
func NewNote(id string, words ...any) *Note { return &Note{ID: id, Text: Say(id, words...)} }

// Notes on a peer that said nothing inside TLS and left, which tells of a
// certificate that it did not like.
const (
	NoteClientSilent = "client-left-after-handshake"
	NoteServerSilent = "server-left-after-handshake"
)

// Notes on what a rule of the user's did, which is neither peer's doing.
const (
	NoteRule            = "rule-"            // begins all of their ids
	NoteRuleRefused     = "rule-refused"     // smtptap said no in the server's place
	NoteRuleAccepted    = "rule-accepted"    // smtptap said yes in the server's place
	NoteRuleCertificate = "rule-certificate" // the client was shown a bad certificate
	NoteRuleDelayed     = "rule-delayed"     // a line had to wait
	NoteRuleSlowed      = "rule-slowed"      // a direction was made slow
	NoteRuleHeld        = "rule-held"        // a line waited for somebody
	NoteRuleEdited      = "rule-edited"      // a line was changed
	NoteRuleHidden      = "rule-hidden"      // extensions were taken out of the reply to EHLO
	NoteRuleEnded       = "rule-ended"       // smtptap closed or reset the connections
	NoteRuleSilent      = "rule-silent"      // smtptap answers nothing any more
	NoteRuleHalfClosed  = "rule-half-closed" // likewise, and has ended its side
)

// NoteParted is of a client that does something else than the one in the recording
// whose server stands in.
const NoteParted = "stand-in-parted"

// Notes that a pasted log gives rise to.
const (
	NoteClientError   = "client-error"    // what the client's log says of a failure
	NoteClientSetting = "client-setting"  // a setting that it tells, "name: value"
	NoteNoReply       = "client-no-reply" // no reply came
)

// Lost: the recorder could not keep what passed.
type Lost struct {
	Records int64    `json:"records"`
	Bytes   int64    `json:"bytes"`
	Why     Sentence `json:"why"`
}

// Mask: a secret stood here in the stream. It tells neither its bytes nor its
// length; Facts are harmless observations, which are what people look for.
type Mask struct {
	What      string   `json:"what"`                // "password", "credentials", "digest", "token", "login", "line", "echo", or "text" for what nothing proves harmless
	Mechanism string   `json:"mechanism,omitempty"` // upper case
	User      string   `json:"user,omitempty"`      // in JSON that is not UTF-8, userBytes
	Authzid   string   `json:"authzid,omitempty"`   // likewise authzidBytes
	Facts     []string `json:"facts,omitempty"`     // "empty", "bad-base64", "trailing-newline", ...: the Fact constants of package decode
}

// Skip: bytes passed here that are not recorded.
type Skip struct {
	Bytes int64  `json:"bytes"` // -1 when unknown
	Why   string `json:"why"`   // "encrypted", "not recorded"
}

type plainMask Mask

// maskJSON has names that are not UTF-8, which JSON strings can't hold, as base64.
type maskJSON struct {
	*plainMask
	UserBytes    []byte `json:"userBytes,omitempty"`
	AuthzidBytes []byte `json:"authzidBytes,omitempty"`
}

// MarshalJSON encodes the mask without loss.
func (m *Mask) MarshalJSON() ([]byte, error) {
	plain := plainMask(*m)
	out := maskJSON{plainMask: &plain}
	if !utf8.ValidString(m.User) {
		out.UserBytes, plain.User = []byte(m.User), ""
	}
	if !utf8.ValidString(m.Authzid) {
		out.AuthzidBytes, plain.Authzid = []byte(m.Authzid), ""
	}
	return json.Marshal(out)
}

// UnmarshalJSON decodes what MarshalJSON wrote.
func (m *Mask) UnmarshalJSON(data []byte) error {
	in := maskJSON{plainMask: (*plainMask)(m)}
	if err := json.Unmarshal(data, &in); err != nil {
		return err
	}
	if len(in.UserBytes) > 0 {
		m.User = string(in.UserBytes)
	}
	if len(in.AuthzidBytes) > 0 {
		m.Authzid = string(in.AuthzidBytes)
	}
	return nil
}

func (*Open) Type() string   { return "open" }
func (*Dial) Type() string   { return "dial" }
func (*DNS) Type() string    { return "dns" }
func (*TLS) Type() string    { return "tls" }
func (*Hello) Type() string  { return "hello" }
func (*Closed) Type() string { return "closed" }
func (*End) Type() string    { return "end" }
func (*Note) Type() string   { return "note" }
func (*Lost) Type() string   { return "lost" }
func (*Mask) Type() string   { return "mask" }
func (*Skip) Type() string   { return "skip" }

var types = map[string]func() Fact{
	"open":   func() Fact { return new(Open) },
	"dial":   func() Fact { return new(Dial) },
	"dns":    func() Fact { return new(DNS) },
	"tls":    func() Fact { return new(TLS) },
	"hello":  func() Fact { return new(Hello) },
	"closed": func() Fact { return new(Closed) },
	"end":    func() Fact { return new(End) },
	"note":   func() Fact { return new(Note) },
	"lost":   func() Fact { return new(Lost) },
	"mask":   func() Fact { return new(Mask) },
	"skip":   func() Fact { return new(Skip) },
}

// New returns an empty fact of that record type, or nil if there is none.
func New(recordType string) Fact {
	if empty, known := types[recordType]; known {
		return empty()
	}
	return nil
}

// On is the connection that f tells of, 0 when it tells of none.
func On(f Fact) who.Leg {
	switch f := f.(type) {
	case *Open:
		return who.ClientLeg
	case *Dial:
		return who.ServerLeg
	case *TLS:
		return f.Leg
	case *Hello:
		return f.Leg
	case *Closed:
		return f.Leg
	}
	return 0
}

// Marshal encodes f as one line of JSON.
func Marshal(f Fact) ([]byte, error) {
	if m, ok := f.(*Mask); ok {
		return m.MarshalJSON() // json.Marshal would go through the result once more
	}
	return json.Marshal(f)
}

// Unmarshal decodes what Marshal wrote for that record type.
func Unmarshal(recordType string, data []byte) (Fact, error) {
	f := New(recordType)
	if f == nil {
		return nil, fmt.Errorf("no fact is called %q", recordType)
	}
	if err := json.Unmarshal(data, f); err != nil {
		return nil, fmt.Errorf("%s fact: %w", recordType, err)
	}
	return f, nil
}
