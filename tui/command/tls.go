package command

import (
	"fmt"

	"github.com/spf13/cobra"

	"smtptap/proxy"
)

// tlsFlags say what happens at STARTTLS.
type tlsFlags struct {
	mode starttlsMode
}

func (f *tlsFlags) flags(cmd *cobra.Command) {
	f.mode = "pass"
	cmd.Flags().Var(&f.mode, "starttls", "pass: hand the ciphertext through unopened")
}

// apply sets what px does about TLS.
func (f *tlsFlags) apply(px *proxy.Proxy) error {
	px.Mode = proxy.Mode(f.mode)
	return nil
}

// starttlsMode is --starttls.
type starttlsMode string

func (m *starttlsMode) String() string { return string(*m) }
func (m *starttlsMode) Type() string   { return "mode" }

func (m *starttlsMode) Set(s string) error {
	if s != "pass" {
		return fmt.Errorf("this version can only pass TLS through")
	}
	*m = starttlsMode(s)
	return nil
}
