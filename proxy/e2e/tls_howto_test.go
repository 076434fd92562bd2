package e2e

import (
	"fmt"
	"net/smtp"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"smtptap/proxy/handshake/certtest"
)

// pasted returns the blocks of a howto that are there to be pasted, with the
// port of this test. The first, which starts smtptap, is left out.
func pasted(t *testing.T, howto, port string) (blocks []string) {
	t.Helper()
	howto = strings.ReplaceAll(howto, "2525", port)
	var block []string
	for _, line := range append(strings.Split(howto, "\n"), "") {
		code, indented := strings.CutPrefix(line, "    ")
		switch {
		case indented:
			block = append(block, code)
		case line == "" && len(block) > 0:
			blocks = append(blocks, strings.Join(block, "\n"))
			block = nil
		}
	}
	if len(blocks) < 2 || !strings.HasPrefix(blocks[0], "smtptap --to ") {
		t.Fatalf("not a recipe:\n%s", howto)
	}
	return blocks[1:]
}

// An attempt is a program that sends mail to 127.0.0.1, by STARTTLS, and fails
// unless it can verify what it is shown.
type attempt struct {
	howto string
	need  []string
	// run makes and runs the program. blocks are what the howto has to
	// paste, nil to try without.
	run func(t *testing.T, dir, port string, blocks []string) error
}

// script runs a program whose text is a file of dir.
func script(t *testing.T, dir, name, text string, command ...string) error {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return shell(t, dir, strings.Join(append(command, name), " "))
}

// shell runs a command line.
func shell(t *testing.T, dir, line string) error {
	t.Helper()
	cmd := exec.Command("sh", "-c", line)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	t.Logf("%s\n%s", line, out)
	return err
}

func first(blocks []string) string { return blocks[0] }

// or gives the settings of a program that was not told of the authority.
func or(blocks []string, without ...string) []string {
	if blocks == nil {
		return without
	}
	return blocks
}

const javaMail = "/usr/share/java/javax.mail.jar"

const (
	phpmailerSettings = `$mail->isSMTP();
$mail->Host = '127.0.0.1';
$mail->Port = PORT;
$mail->SMTPSecure = 'tls';
`
	phpmailerScript = `<?php
use PHPMailer\PHPMailer\PHPMailer;
require '/usr/share/php/libphp-phpmailer/autoload.php';
$mail = new PHPMailer(true);
$mail->Timeout = 20;
$mail->setFrom('sender@example.com');
$mail->addAddress('rcpt@example.net');
$mail->Body = 'hello';
PASTE
$mail->send();
`
	// what a plugin of WordPress meets
	wordpressScript = `
function add_action($hook, $action, $priority) { if ($hook == 'phpmailer_init') $GLOBALS['action'] = $action; }
require 'plugin.php';
$action($mail);
`
	symfonyScript = `<?php
require '/usr/share/php/Symfony/Component/Mailer/autoload.php';
require '/usr/share/php/Psr/EventDispatcher/autoload.php';
(new Symfony\Component\Mailer\Mailer(Symfony\Component\Mailer\Transport::fromDsn('PASTE')))->send(
	(new Symfony\Component\Mime\Email())->from('sender@example.com')->to('rcpt@example.net')->text('hello'));
`
	rubyScript = `require 'mail'
PASTE
Mail.deliver { from 'sender@example.com'; to 'rcpt@example.net'; body 'hello' }
`
	perlScript = `use strict; use warnings;
use Email::Sender::Simple 'sendmail';
use Email::Sender::Transport::SMTP;
use Email::Simple;
PASTE
sendmail(Email::Simple->create(header => [From => 'sender@example.com', To => 'rcpt@example.net'], body => 'hello'), { transport => $transport });
`
	nodemailerScript = `require('nodemailer').createTransport({
	PASTE
}).sendMail({ from: 'sender@example.com', to: 'rcpt@example.net', text: 'hello' },
	(error) => { if (error) { console.error(error); process.exit(1); } });
`
	smtplibScript = `import smtplib
PASTE
smtp.sendmail("sender@example.com", ["rcpt@example.net"], b"hello")
`
	goProgram = `package main

import (
	"crypto/tls"
	"crypto/x509"
	"net/smtp"
	"os"
)

func send(host, addr string) error {
	PASTE
	client, err := smtp.Dial(addr)
	if err != nil {
		return err
	}
	if err := client.StartTLS(config); err != nil {
		return err
	}
	for _, step := range []func() error{
		func() error { return client.Mail("sender@example.com") },
		func() error { return client.Rcpt("rcpt@example.net") },
		client.Quit,
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

func main() {
	_, _ = x509.SystemCertPool, os.ReadFile
	if err := send("127.0.0.1", "127.0.0.1:PORT"); err != nil {
		panic(err)
	}
}
`
	javaProgram = `import java.util.Properties;
import javax.mail.*;
import javax.mail.internet.*;

public class App {
	public static void main(String[] args) throws Exception {
		Properties p = new Properties();
		p.load(new java.io.StringReader("PASTE"));
		MimeMessage m = new MimeMessage(Session.getInstance(p));
		m.setFrom(new InternetAddress("sender@example.com"));
		m.setRecipient(Message.RecipientType.TO, new InternetAddress("rcpt@example.net"));
		m.setText("hello");
		Transport.send(m);
	}
}
`
)

// fill puts the port and what was pasted into a program.
func fill(program, port, paste string) string {
	return strings.ReplaceAll(strings.ReplaceAll(program, "PASTE", paste), "PORT", port)
}

var attempts = []attempt{
	{"phpmailer", []string{"php", phpmailerAutoload}, func(t *testing.T, dir, port string, blocks []string) error {
		return script(t, dir, "send.php", fill(phpmailerScript, port, first(or(blocks, phpmailerSettings))), "php")
	}},
	{"wordpress", []string{"php", phpmailerAutoload}, func(t *testing.T, dir, port string, blocks []string) error {
		plugin := first(or(blocks, "<?php add_action('phpmailer_init', function ($mail) { "+phpmailerSettings+" }, 1);"))
		if err := os.WriteFile(filepath.Join(dir, "plugin.php"), []byte(fill(plugin, port, "")), 0o600); err != nil {
			t.Fatal(err)
		}
		return script(t, dir, "send.php", fill(phpmailerScript, port, wordpressScript), "php")
	}},
	{"symfony", []string{"php", "/usr/share/php/Symfony/Component/Mailer/autoload.php"}, func(t *testing.T, dir, port string, blocks []string) error {
		blocks = or(blocks, "MAILER_DSN=smtp://127.0.0.1:"+port, "php bin/console")
		dsn := strings.Replace(strings.TrimPrefix(blocks[0], "MAILER_DSN="), "USERNAME:PASSWORD@", "", 1)
		php, _, _ := strings.Cut(blocks[1], " bin/console")
		return script(t, dir, "send.php", fill(symfonyScript, port, dsn), php)
	}},
	{"php", []string{"php", phpmailerAutoload}, func(t *testing.T, dir, port string, blocks []string) error {
		if err := os.WriteFile(filepath.Join(dir, "php.ini"), []byte(first(or(blocks, ""))), 0o600); err != nil {
			t.Fatal(err)
		}
		return script(t, dir, "send.php", fill(phpmailerScript, port, phpmailerSettings), "php", "-c", "php.ini")
	}},
	{"nodemailer", []string{"node", filepath.Join(nodeModules(), "nodemailer")}, func(t *testing.T, dir, port string, blocks []string) error {
		const options = "host: '127.0.0.1', port: PORT, requireTLS: true,"
		if blocks == nil {
			return script(t, dir, "app.js", fill(nodemailerScript, port, options), "node")
		}
		if err := script(t, dir, "app.js", fill(nodemailerScript, port, blocks[0]), "node"); err != nil {
			return err
		}
		return shell(t, dir, blocks[1])
	}},
	{"smtplib", []string{"/usr/bin/python3"}, func(t *testing.T, dir, port string, blocks []string) error {
		const unaware = "import ssl\nsmtp = smtplib.SMTP('127.0.0.1', PORT)\nsmtp.starttls(context=ssl.create_default_context())"
		return script(t, dir, "send.py", fill(smtplibScript, port, first(or(blocks, unaware))), "/usr/bin/python3")
	}},
	// what Django does since 4.2
	{"django", []string{"/usr/bin/python3"}, func(t *testing.T, dir, port string, blocks []string) error {
		const settings = "EMAIL_HOST, EMAIL_PORT = '127.0.0.1', PORT"
		const send = "\nimport ssl\nsmtp = smtplib.SMTP(EMAIL_HOST, EMAIL_PORT)\nsmtp.starttls(context=ssl.create_default_context())"
		blocks = or(blocks, settings, "python manage.py")
		python, _, _ := strings.Cut(blocks[1], "python manage.py")
		return script(t, dir, "send.py", fill(smtplibScript, port, blocks[0]+send), python+"/usr/bin/python3")
	}},
	{"curl", []string{"curl"}, func(t *testing.T, dir, port string, blocks []string) error {
		line := "curl --ssl-reqd --url smtp://127.0.0.1:2525 --mail-from you@example.com --mail-rcpt you@example.org --upload-file message.txt"
		if blocks != nil {
			line = blocks[0]
		}
		if err := os.WriteFile(filepath.Join(dir, "message.txt"), []byte("Subject: x\n\nhello\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		return shell(t, dir, strings.Replace(line, ":2525", ":"+port, 1))
	}},
	{"java", []string{"javac", "keytool", javaMail}, func(t *testing.T, dir, port string, blocks []string) error {
		const settings = "mail.smtp.host=localhost\nmail.smtp.port=PORT\nmail.smtp.starttls.required=true\nmail.smtp.ssl.checkserveridentity=true"
		if blocks != nil {
			if err := shell(t, dir, blocks[0]); err != nil {
				return err
			}
		}
		blocks = or(blocks, "", settings, "java -jar app.jar")
		properties := strings.ReplaceAll(blocks[1], "\n", "\\n")
		if err := script(t, dir, "App.java", fill(javaProgram, port, properties), "javac -cp "+javaMail); err != nil {
			t.Fatal(err)
		}
		return shell(t, dir, strings.Replace(blocks[2], "-jar app.jar", "-cp "+javaMail+":. App", 1))
	}},
	{"go", []string{"go"}, func(t *testing.T, dir, port string, blocks []string) error {
		const system = "config := &tls.Config{ServerName: host}"
		if blocks == nil {
			return script(t, dir, "main.go", fill(goProgram, port, system), "go", "run")
		}
		if err := script(t, dir, "main.go", fill(goProgram, port, blocks[1]), "go", "run"); err != nil {
			return err
		}
		if err := script(t, dir, "main.go", fill(goProgram, port, system), "go", "build", "-o", "program"); err != nil {
			t.Fatal(err)
		}
		return shell(t, dir, blocks[0])
	}},
	{"swaks", []string{"swaks"}, func(t *testing.T, dir, port string, blocks []string) error {
		line := "swaks --server 127.0.0.1:2525 --tls --tls-verify --to you@example.org"
		if blocks != nil {
			line = blocks[0]
		}
		return shell(t, dir, strings.Replace(line, ":2525", ":"+port, 1))
	}},
	{"msmtp", []string{"msmtp"}, func(t *testing.T, dir, port string, blocks []string) error {
		settings := first(or(blocks, "host 127.0.0.1\nport "+port+"\ntls on"))
		config := "account default\nfrom sender@example.com\n" + settings + "\n"
		return script(t, dir, "msmtprc", config, "echo hello |", "msmtp rcpt@example.net -C")
	}},
	{"ruby", []string{"ruby", "/usr/lib/ruby/vendor_ruby/mail.rb"}, func(t *testing.T, dir, port string, blocks []string) error {
		const settings = "Mail.defaults { delivery_method :smtp, address: '127.0.0.1', port: PORT, enable_starttls: true, openssl_verify_mode: 'peer' }"
		return script(t, dir, "send.rb", fill(rubyScript, port, first(or(blocks, settings))), "ruby")
	}},
	{"perl", []string{"perl", "/usr/share/perl5/Email/Sender.pm"}, func(t *testing.T, dir, port string, blocks []string) error {
		const settings = "my $transport = Email::Sender::Transport::SMTP->new({ host => '127.0.0.1', port => PORT, ssl => 'starttls', ssl_options => { SSL_verify_mode => 1 } });"
		return script(t, dir, "send.pl", fill(perlScript, port, first(or(blocks, settings))), "perl")
	}},
	{"mutt", []string{"mutt"}, func(t *testing.T, dir, port string, blocks []string) error {
		settings := first(or(blocks, "set smtp_url = \"smtp://127.0.0.1:"+port+"/\"\nset ssl_force_tls = yes"))
		return script(t, dir, "muttrc", "set from = sender@example.com\nset copy = no\n"+settings+"\n", "echo hello |", "mutt -s hello rcpt@example.net -F")
	}},
}

// TestHowtoWorks: what `smtptap ca howto` says for a client makes this client
// trust the authority. Without it the client refuses, and smtptap tells.
func TestHowtoWorks(t *testing.T) {
	t.Setenv("NODE_PATH", nodeModules())
	for _, a := range attempts {
		t.Run(a.howto, func(t *testing.T) {
			need(t, append(a.need, "/usr/bin/python3")...)
			s := newSite(t, certtest.Spec{})
			addr, _ := s.start(t)
			p := start(t, "--to", "smtp://"+addr, "--server-ca", s.roots)
			if err := a.run(t, t.TempDir(), p.port(), nil); err == nil {
				t.Fatal("the client trusts the authority without being told to")
			}
			p.recorded(t, 1)
			if show := p.smtptap(t, "show"); !strings.Contains(show, "smtptap ca howto") {
				t.Errorf("the refusal is not explained:\n%s", show)
			}
			if err := a.run(t, t.TempDir(), p.port(), pasted(t, p.smtptap(t, "ca", "howto", a.howto), p.port())); err != nil {
				t.Errorf("the client: %v", err)
			}
			p.recorded(t, 2)
			if show := p.smtptap(t, "show"); strings.Contains(show, "TLS with the client failed") {
				t.Errorf("refused:\n%s", show)
			}
		})
	}
}

// TestHowtoPostfix: with the settings of the recipe Postfix verifies smtptap's
// certificate, and sends.
func TestHowtoPostfix(t *testing.T) {
	need(t, "postfix", "/usr/bin/python3")
	s := newSite(t, certtest.Spec{})
	addr, _ := s.start(t)
	p := start(t, "--to", "smtp://"+addr, "--server-ca", s.roots)
	var settings []string
	for _, m := range regexp.MustCompile(`'(\w+ = [^']+)'`).FindAllStringSubmatch(pasted(t, p.smtptap(t, "ca", "howto", "postfix"), p.port())[0], -1) {
		settings = append(settings, m[1])
	}
	mta := startPostfix(t, p.Addr, settings...)
	if err := smtp.SendMail(mta.Addr, nil, "sender@example.com", []string{"rcpt@example.net"}, []byte("Subject: x\r\n\r\nhello\r\n")); err != nil {
		t.Fatal(err)
	}
	waitFor(t, func() bool { return p.recorded(t, 1)[0].Outcome == "sent" }, func() string {
		return fmt.Sprintf("not sent, with %q\n%s", settings, mta)
	})
	if show := p.smtptap(t, "show"); !strings.Contains(show, "with the client, ") {
		t.Errorf("without TLS:\n%s", show)
	}
}
