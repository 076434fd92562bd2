package command

import (
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"smtptap/decode"
	"smtptap/decode/findings"
	"smtptap/recordings/export"
	"smtptap/recordings/logs"
)

// Explain is `smtptap explain`.
func Explain(p *Program) *cobra.Command {
	var asJSON bool
	var color colorMode
	cmd := &cobra.Command{
		Use:   "explain [FILE|-]",
		Short: "A pasted log (PHPMailer, swaks, nodemailer, smtplib, ...) annotated, with findings",
		Long: "Explain reads debug output that somebody pasted, in any dialect it recognises, and says\n" +
			"what happened, why, and how to fix it, for each session in it. Exit status 3 when the mail was not sent.",
		Example: "  smtptap explain debug.log\n  php send.php 2>&1 | smtptap explain -\n  smtptap explain --json debug.log | jq .verdict",
		Args:    args(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, a []string) error {
			if err := environment(cmd); err != nil {
				return err
			}
			in, err := p.open(a)
			if err != nil {
				return err
			}
			defer in.Close()
			all, err := logs.ParseAll(in)
			if err != nil {
				return err
			}
			decisive := logs.Decisive(all)
			if asJSON {
				err = export.ExplainJSON(p.streams.Out, all, decisive, p.lang.Lang)
			} else {
				err = explainAll(p.streams.Out, all, export.TextOptions{Lang: p.lang.Lang, Color: color.on(p.streams.Out)})
			}
			if err != nil {
				return err
			}
			if findings.Analyze(all[decisive], p.lang.Lang).Failed() {
				return exit(exitSeen)
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	color.flag(cmd)
	return cmd
}

// explainAll writes every session of a log as text.
func explainAll(w io.Writer, all []*decode.Transcript, o export.TextOptions) error {
	for i, t := range all {
		if i > 0 {
			fmt.Fprintln(w)
		}
		if err := export.Text(w, t, o); err != nil {
			return err
		}
	}
	return nil
}

// open opens the file named, or the standard input for "-" or nothing.
func (p *Program) open(a []string) (io.ReadCloser, error) {
	if len(a) == 0 || a[0] == "-" {
		if f, ok := p.streams.In.(*os.File); ok && len(a) == 0 && isTerminal(f) {
			fmt.Fprintln(p.streams.Err, "smtptap: reading the log from the terminal; end it with Ctrl+D")
		}
		return io.NopCloser(p.streams.In), nil
	}
	return os.Open(a[0])
}
