package upstream

import (
	"cmp"
	"context"
	"math/rand/v2"
	"time"
)

// MX leads sessions to the mail servers of domains: of one domain, as a
// Dialer, or of each recipient's own, as a Router.
type MX struct {
	Domain   Domain // whose servers Dial connects to
	Resolver *Resolver
	// Connector says how servers are connected to. Its Loop is not used: the
	// session knows.
	Connector Connector
	// Rand orders hosts of equal preference; nil means at random.
	Rand *rand.Rand
}

// Dial connects to the first server of the domain that can be reached.
func (m *MX) Dial(ctx context.Context, ses Session) (*Server, error) {
	route, err := m.Route(ctx, ses, m.Domain)
	if err != nil {
		return nil, err
	}
	return route.Next(ctx)
}

// Route looks up the servers that take mail for d.
func (m *MX) Route(ctx context.Context, ses Session, d Domain) (*Route, error) {
	lookup := m.Resolver.Lookup(ses.Fact)
	hosts, err := lookup.Hosts(ctx, d, m.Rand)
	if err != nil {
		return nil, err
	}
	c := m.Connector
	c.Loop = ses.Ours
	return c.NewRoute(lookup, d, hosts), nil
}

// Patience is how long Dial takes at most: the questions to the DNS, and then
// every address of every host that lets itself be waited for.
func (m *MX) Patience() time.Duration {
	c := m.Connector
	host := cmp.Or(c.Timeout, defaultConnect) + (MaxAddresses-1)*cmp.Or(c.Stagger, defaultStagger)
	return cmp.Or(m.Resolver.Budget, defaultBudget) + MaxHosts*host
}
