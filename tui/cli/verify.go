package cli

import (
	"context"
	"fmt"
	"net/netip"

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
func (f *verifyFlags) prepare(p *Program, t *decode.Transcript, redaction redactFlags) (func(context.Context) error, error) {
	switch {
	case !f.on:
		return func(context.Context) error { return nil }, nil
	case len(redaction.levels) > 0:
		return nil, wrong("verify-redacted")
	}
	resolver, err := upstream.NewResolver(f.resolver)
	if err != nil {
		return nil, err
	}
	var address netip.Addr
	if f.address != "" {
		if address, err = netip.ParseAddr(f.address); err != nil {
			return nil, err
		}
	}
	mails := verify.Mails(t, address)
	return func(ctx context.Context) error { return p.verify(ctx, resolver, mails) }, nil
}

// verify judges messages.
func (p *Program) verify(ctx context.Context, resolver *upstream.Resolver, mails []verify.Mail) error {
	if len(mails) == 0 {
		fmt.Fprintln(p.streams.Out, "=== nothing to verify: the session has no message")
	}
	failed := false
	for i, m := range mails {
		if len(mails) > 1 {
			fmt.Fprintf(p.streams.Out, "=== message %d\n", i+1)
		}
		report := verify.Run(ctx, resolver, m)
		failed = failed || report.Failed()
		if err := report.Text(p.streams.Out); err != nil {
			return err
		}
	}
	if failed {
		return exit(exitSeen)
	}
	return nil
}
