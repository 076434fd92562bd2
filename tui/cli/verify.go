package cli

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"smtptap/decode"
	"smtptap/proxy/upstream"
	"smtptap/proxy/verify"
)

// verifyFlags are those of `show --verify`.
type verifyFlags struct {
	on       bool
	resolver string
	address  string
}

func (f *verifyFlags) flags(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&f.on, "verify", false, "")
	resolverFlag(cmd, &f.resolver)
	cmd.Flags().Var(checked(&f.address, "", func(s string) error {
		if _, err := netip.ParseAddr(s); err != nil {
			return failed("not-an-address")
		}
		return nil
	}), "seen-as", "")
}

// prepare returns what judges the messages of a session; nothing is asked yet.
func (f *verifyFlags) prepare(p *Program, redaction redactFlags) (func(context.Context, *decode.Transcript), error) {
	switch {
	case !f.on:
		return func(context.Context, *decode.Transcript) {}, nil
	case len(redaction.levels) > 0:
		return nil, wrong("verify-redacted")
	}
	resolver, err := upstream.NewResolver(f.resolver)
	if err != nil {
		return nil, err
	}
	address, _ := netip.ParseAddr(f.address) // which the flag has checked
	return func(ctx context.Context, t *decode.Transcript) {
		t.Checks = map[int][]decode.Check{}
		for i, m := range verify.Mails(t, address) {
			report := verify.Run(ctx, resolver, m, p.lang)
			t.Checks[i] = report.Checks()
		}
	}, nil
}

// verifier judges one message of a session for the screen.
func (p *Program) verifier(resolver *upstream.Resolver) func(context.Context, *decode.Transcript, int) []decode.Check {
	return func(ctx context.Context, t *decode.Transcript, message int) []decode.Check {
		mails := verify.Mails(t, netip.Addr{})
		if message >= len(mails) {
			return nil
		}
		report := verify.Run(ctx, resolver, mails[message], p.lang)
		return report.Checks()
	}
}

// checks prints the verdicts on the messages of a session.
func (p *Program) checks(t *decode.Transcript) error {
	if t.Checks == nil {
		return nil
	}
	if len(t.Checks) == 0 {
		fmt.Fprintln(p.streams.Out, "=== "+p.say("nothing-to-verify"))
	}
	failed := false
	for i := range len(t.Checks) {
		if len(t.Checks) > 1 {
			fmt.Fprintln(p.streams.Out, "=== "+p.say("message-n", "n", strconv.Itoa(i+1)))
		}
		failed = failed || slices.ContainsFunc(t.Checks[i], func(c decode.Check) bool { return c.Failed })
		if err := verify.Text(p.streams.Out, t.Checks[i]); err != nil {
			return err
		}
	}
	if failed {
		return exit(exitSeen)
	}
	return nil
}
