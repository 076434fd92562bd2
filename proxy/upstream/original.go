package upstream

import (
	"context"
)

// Original leads every session to where its client wanted to go.
type Original struct{}

// Dial connects there. The server's certificate may be for any name: the client
// knows the name it wants, and finds it in what it is shown only if the server's
// certificate is good.
func (Original) Dial(ctx context.Context, ses Session) (*Server, error) {
	to := ses.Destination()
	if !to.IsValid() {
		return nil, words.Error("no-destination")
	}
	fixed := Fixed{Host: to.Addr().String(), Port: to.Port(), Why: "original destination"}
	server, err := fixed.Dial(ctx, ses)
	if server != nil {
		server.AnyName = true
	}
	return server, err
}
