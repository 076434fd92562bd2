// Package who names those who speak in a session and the connections that they
// speak on. Every event, fact and record says it in these words.
package who

// Party is one of the three that speak: the client, the server, and smtptap
// between them. Of a dialogue it names the part that is played: smtptap speaks
// to the server as a client and to the client as a server.
type Party uint8

const (
	Client Party = iota + 1
	Server
	Smtptap
)

// Leg is one of the two connections of a session. What is relayed is heard on
// both and counts for the client's.
type Leg uint8

const (
	ClientLeg Leg = iota + 1 // between the client and smtptap
	ServerLeg                // between smtptap and the server
)

var names = [...]string{Client: "client", Server: "server", Smtptap: "smtptap"}

func (p Party) String() string {
	if int(p) < len(names) {
		return names[p]
	}
	return ""
}

// Other is the opposite part of a dialogue.
func (p Party) Other() Party {
	if p == Client {
		return Server
	}
	return Client
}

// Leg is the connection that a peer of smtptap is at the end of.
func (p Party) Leg() Leg {
	switch p {
	case Client:
		return ClientLeg
	case Server:
		return ServerLeg
	}
	return 0
}

const letters = "\x00CSP"

// Letter is the party as the head lines of recordings write it, 0 for none.
func (p Party) Letter() byte {
	if int(p) < len(letters) {
		return letters[p]
	}
	return 0
}

// FromLetter is the party that Letter wrote, 0 for none.
func FromLetter(c byte) Party {
	switch c {
	case 'C':
		return Client
	case 'S':
		return Server
	case 'P':
		return Smtptap
	}
	return 0
}

// MarshalText writes the party's name, nothing for none.
func (p Party) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads a party's name. Another one is none of them.
func (p *Party) UnmarshalText(text []byte) error {
	*p = Named(string(text))
	return nil
}

// Peer is who is at the far end of the connection.
func (l Leg) Peer() Party {
	switch l {
	case ClientLeg:
		return Client
	case ServerLeg:
		return Server
	}
	return 0
}

func (l Leg) String() string { return l.Peer().String() }

// MarshalText writes the name of the connection's far end, nothing for none.
func (l Leg) MarshalText() ([]byte, error) { return l.Peer().MarshalText() }

// UnmarshalText reads what MarshalText writes. Another name is none of them.
func (l *Leg) UnmarshalText(text []byte) error {
	*l = Named(string(text)).Leg()
	return nil
}

// Named is the party of that name, 0 for none.
func Named(text string) Party {
	for p, name := range names {
		if name == text {
			return Party(p)
		}
	}
	return 0
}
