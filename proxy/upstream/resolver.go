package upstream

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"

	"smtptap/decode/facts"
	"smtptap/decode/visible"
)

// A Resolver asks recursive DNS servers. It keeps no answers: every session
// asks again, so that its transcript shows what the DNS said at that time. The
// zero value asks the servers of the system.
type Resolver struct {
	// Servers are asked in this order, each an address with its port. When
	// there are none, those of Config are.
	Servers []string
	// Config is the system's list of servers, /etc/resolv.conf if empty.
	Config string
	// Try is how long one server has for one answer, 2 s if zero.
	Try time.Duration
	// Budget is how long all questions of one Lookup may take, 10 s if zero.
	Budget time.Duration
}

const (
	defaultTry    = 2 * time.Second
	defaultBudget = 10 * time.Second
	tries         = 2 // for each server and question
)

// NewResolver returns a resolver that asks the server at addr, an IP address
// with or without a port (53), or the servers of the system if addr is "".
func NewResolver(addr string) (*Resolver, error) {
	if addr == "" {
		return new(Resolver), nil
	}
	if ap, err := netip.ParseAddrPort(addr); err == nil {
		return &Resolver{Servers: []string{ap.String()}}, nil
	}
	ip, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(addr, "["), "]"))
	if err != nil {
		return nil, words.Error("bad-resolver", "address", visible.Text(addr))
	}
	return &Resolver{Servers: []string{netip.AddrPortFrom(ip, 53).String()}}, nil
}

func (r *Resolver) servers() ([]string, error) {
	if len(r.Servers) > 0 {
		return r.Servers, nil
	}
	conf, err := dns.ClientConfigFromFile(cmp.Or(r.Config, "/etc/resolv.conf"))
	if err != nil {
		return nil, words.Error("system-resolver", "why", err)
	}
	var servers []string
	for _, s := range conf.Servers {
		servers = append(servers, net.JoinHostPort(s, conf.Port))
	}
	if len(servers) == 0 {
		return nil, words.Error("no-resolver")
	}
	return servers, nil
}

// A Lookup is the questions that are asked to find out where mail goes. All of
// them together have the resolver's budget of time. Its methods are not safe
// for concurrent use.
type Lookup struct {
	resolver *Resolver
	note     func(facts.Fact)
	left     time.Duration
}

// Lookup begins a lookup. Every question becomes a facts.DNS and what is odd
// about the answers a facts.Note; note may be called from several goroutines
// at once.
func (r *Resolver) Lookup(note func(facts.Fact)) *Lookup {
	return &Lookup{resolver: r, note: note, left: cmp.Or(r.Budget, defaultBudget)}
}

// spend runs f, which asks questions, within what is left of the budget.
func (l *Lookup) spend(ctx context.Context, f func(context.Context)) {
	begin := time.Now()
	ctx, cancel := context.WithTimeout(ctx, max(l.left, 0))
	defer cancel()
	f(ctx)
	l.left -= time.Since(begin)
}

// A result is what the DNS holds for one name and type.
type result struct {
	records []dns.RR
	owner   string // the name that the records belong to; not the one asked for when that is an alias
	aliases int
	claimed bool // validated by DNSSEC, or so a resolver on this machine claims
}

// ask finds the records of that type for name, through its aliases. The error
// is a *NoServerError, or the context's when the caller cancelled it.
func (l *Lookup) ask(ctx context.Context, name string, qtype uint16) (result, error) {
	fail := func(p Problem, detail facts.Sentence, err error) (result, error) {
		return result{}, &NoServerError{Name: trimDot(name), Kind: dns.TypeToString[qtype], Problem: p, Detail: detail, Err: err}
	}
	res := result{owner: dns.Fqdn(name), claimed: true}
	for {
		m, server, err := l.question(ctx, res.owner, qtype)
		if err != nil {
			return result{}, err
		}
		end, n, records, err := follow(m.Answer, res.owner, qtype)
		res.aliases += n
		res.claimed = res.claimed && m.AuthenticatedData && onThisMachine(server)
		switch {
		case err != nil:
			return fail(AliasLoop, facts.Because(err), nil)
		case res.aliases > maxAliases:
			return fail(AliasLoop, facts.Say("dns-aliases-many", "n", maxAliases), nil)
		case len(records) > 0:
			res.owner, res.records = end, records
			return res, nil
		case m.Rcode == dns.RcodeNameError:
			return fail(NoSuchDomain, aliasDetail(name, end), nil)
		case strings.EqualFold(end, res.owner):
			return fail(NoData, aliasDetail(name, end), nil)
		}
		res.owner = end
	}
}

func aliasDetail(name, end string) facts.Sentence {
	if strings.EqualFold(dns.Fqdn(name), end) {
		return ""
	}
	return facts.Say("dns-alias-of", "name", trimDot(end))
}

// question asks the servers for one name and type until one of them answers.
// A server that failed or refused is not asked again, one that was silent is.
func (l *Lookup) question(ctx context.Context, name string, qtype uint16) (*dns.Msg, string, error) {
	failed := &NoServerError{Name: trimDot(name), Kind: dns.TypeToString[qtype], Problem: Timeout}
	servers, err := l.resolver.servers()
	if err != nil {
		failed.Problem, failed.Detail, failed.Err = ServerFailure, facts.Because(err), err
		return nil, "", failed
	}
	servers = slices.Clone(servers)
	for range tries {
		for _, server := range slices.Clone(servers) {
			if ctx.Err() != nil {
				break
			}
			m, err := l.query(ctx, server, name, qtype)
			if errors.Is(ctx.Err(), context.Canceled) {
				return nil, "", context.Cause(ctx)
			}
			failed.Detail, failed.Err = facts.Say("dns-asked", "server", server), err
			switch {
			case isTimeout(err):
				failed.Problem = Timeout
				continue
			case isMismatch(err):
				failed.Problem, failed.Detail = BadAnswer, from(server, why(err))
				continue
			case err != nil:
				failed.Problem, failed.Detail = ServerFailure, from(server, why(err))
			case m.Rcode == dns.RcodeSuccess, m.Rcode == dns.RcodeNameError:
				return m, server, nil
			case m.Rcode == dns.RcodeRefused:
				failed.Problem = ServerRefused
			default:
				failed.Problem, failed.Detail = ServerFailure, from(server, rcode(m))
			}
			servers = slices.DeleteFunc(servers, func(s string) bool { return s == server })
		}
	}
	return nil, "", failed
}

// query asks one server: over UDP, over TCP when the answer did not fit, and
// without EDNS0 when the server does not know it.
func (l *Lookup) query(ctx context.Context, server, name string, qtype uint16) (*dns.Msg, error) {
	q := newQuery(name, qtype)
	m, err := l.try(ctx, "udp", server, q)
	if err == nil && (m.Rcode == dns.RcodeFormatError || m.Rcode == dns.RcodeNotImplemented) {
		q = newQuery(name, qtype)
		q.Extra = nil
		m, err = l.try(ctx, "udp", server, q)
	}
	if err == nil && m.Truncated {
		m, err = l.try(ctx, "tcp", server, q)
		if err == nil && m.Truncated {
			return nil, mismatch("truncated over TCP")
		}
	}
	return m, err
}

// try makes one exchange and notes it.
func (l *Lookup) try(ctx context.Context, network, server string, q *dns.Msg) (*dns.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(l.resolver.Try, defaultTry))
	defer cancel()
	begin := time.Now()
	m, err := exchange(ctx, network, server, q)
	fact := &facts.DNS{
		Name:   trimDot(q.Question[0].Name),
		Kind:   dns.TypeToString[q.Question[0].Qtype],
		Server: server,
		TCP:    network == "tcp",
		Took:   time.Since(begin),
		Err:    why(err),
	}
	if err == nil {
		fact.Rcode = rcode(m)
		for _, rr := range m.Answer {
			fact.Answers = append(fact.Answers, strings.ReplaceAll(rr.String(), "\t", " "))
		}
		switch {
		case m.Truncated:
			fact.Err = "truncated"
		case m.Rcode == dns.RcodeSuccess && len(m.Answer) == 0:
			fact.Err = "nodata"
		}
	}
	l.note(fact)
	return m, err
}

// from is what a server gave in place of an answer.
func from(server, what string) facts.Sentence {
	return facts.Say("dns-answer-from", "why", facts.Plain(what), "server", server)
}

func isMismatch(err error) bool {
	var m mismatch
	return errors.As(err, &m)
}

func rcode(m *dns.Msg) string {
	if s, ok := dns.RcodeToString[m.Rcode]; ok {
		return s
	}
	return fmt.Sprintf("RCODE%d", m.Rcode)
}

// onThisMachine reports whether a resolver's claims travelled over no network.
func onThisMachine(server string) bool {
	ap, err := netip.ParseAddrPort(server)
	return err == nil && ap.Addr().Unmap().IsLoopback()
}

func trimDot(name string) string { return strings.TrimSuffix(name, ".") }
