package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"smtptap/proxy/handshake/certtest"
)

// pasted returns the blocks of a howto that are there to be pasted.
func pasted(t *testing.T, howto string) (blocks []string) {
	t.Helper()
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
	if len(blocks) == 0 {
		t.Fatalf("nothing to paste in\n%s", howto)
	}
	return blocks
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

func first(blocks []string) string {
	if blocks == nil {
		return ""
	}
	return blocks[0]
}

const (
	phpmailerScript = `<?php
require '/usr/share/php/libphp-phpmailer/autoload.php';
$mail = new PHPMailer\PHPMailer\PHPMailer(true);
$mail->isSMTP();
$mail->Timeout = 20;
$mail->Host = '127.0.0.1';
$mail->Port = PORT;
$mail->SMTPSecure = 'tls';
$mail->setFrom('sender@example.com');
$mail->addAddress('rcpt@example.net');
$mail->Body = 'hello';
PASTE
$mail->send();
`
	nodemailerScript = `require('nodemailer').createTransport({ host: '127.0.0.1', port: PORT, requireTLS: true,
	PASTE
}).sendMail({ from: 'sender@example.com', to: 'rcpt@example.net', text: 'hello' },
	(error) => { if (error) { console.error(error); process.exit(1); } });
`
	smtplibScript = `import smtplib
smtp = smtplib.SMTP("127.0.0.1", PORT, timeout=20)
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
	javaProgram = `import java.io.*;
import java.net.Socket;
import javax.net.ssl.*;

public class App {
	public static void main(String[] args) throws Exception {
		Socket plain = new Socket("127.0.0.1", PORT);
		BufferedReader in = new BufferedReader(new InputStreamReader(plain.getInputStream()));
		in.readLine();
		plain.getOutputStream().write("STARTTLS\r\n".getBytes());
		in.readLine();
		SSLSocket socket = (SSLSocket) ((SSLSocketFactory) SSLSocketFactory.getDefault()).createSocket(plain, "127.0.0.1", PORT, true);
		SSLParameters parameters = socket.getSSLParameters();
		parameters.setEndpointIdentificationAlgorithm("HTTPS");
		socket.setSSLParameters(parameters);
		socket.startHandshake();
		socket.getOutputStream().write("QUIT\r\n".getBytes());
		socket.getInputStream().read();
	}
}
`
)

// fill puts the port and what was pasted into a program.
func fill(program, port, paste string) string {
	return strings.NewReplacer("PORT", port, "PASTE", paste).Replace(program)
}

var attempts = []attempt{
	{"phpmailer", []string{"php", phpmailerAutoload}, func(t *testing.T, dir, port string, blocks []string) error {
		return script(t, dir, "send.php", fill(phpmailerScript, port, first(blocks)), "php")
	}},
	{"php", []string{"php", phpmailerAutoload}, func(t *testing.T, dir, port string, blocks []string) error {
		if err := os.WriteFile(filepath.Join(dir, "php.ini"), []byte(first(blocks)), 0o600); err != nil {
			t.Fatal(err)
		}
		return script(t, dir, "send.php", fill(phpmailerScript, port, ""), "php", "-c", "php.ini")
	}},
	{"nodemailer", []string{"node", filepath.Join(nodeModules(), "nodemailer")}, func(t *testing.T, dir, port string, blocks []string) error {
		option, environment := "", ""
		if blocks != nil {
			environment = blocks[0][:strings.Index(blocks[0], "node app.js")]
			if err := script(t, dir, "app.js", fill(nodemailerScript, port, blocks[1]), "node"); err != nil {
				return err
			}
		}
		return script(t, dir, "app.js", fill(nodemailerScript, port, option), environment+"node")
	}},
	{"smtplib", []string{"/usr/bin/python3"}, func(t *testing.T, dir, port string, blocks []string) error {
		if blocks == nil {
			blocks = []string{"import ssl\ncontext = ssl.create_default_context()", "smtp.starttls(context=context)"}
		}
		return script(t, dir, "send.py", fill(smtplibScript, port, blocks[0]+"\n"+blocks[1]), "/usr/bin/python3")
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
	{"java", []string{"javac", "keytool"}, func(t *testing.T, dir, port string, blocks []string) error {
		java := "java App"
		if blocks != nil {
			if err := shell(t, dir, blocks[0]); err != nil {
				return err
			}
			java = strings.Replace(blocks[1], "-jar app.jar", "App", 1)
		}
		if err := script(t, dir, "App.java", fill(javaProgram, port, ""), "javac"); err != nil {
			t.Fatal(err)
		}
		return shell(t, dir, java)
	}},
	{"go", []string{"go"}, func(t *testing.T, dir, port string, blocks []string) error {
		const system = "config := &tls.Config{ServerName: host}"
		if blocks == nil {
			return script(t, dir, "main.go", fill(goProgram, port, system), "go", "run")
		}
		if err := script(t, dir, "main.go", fill(goProgram, port, blocks[0]), "go", "run"); err != nil {
			return err
		}
		if err := script(t, dir, "main.go", fill(goProgram, port, system), "go", "build", "-o", "program"); err != nil {
			t.Fatal(err)
		}
		return shell(t, dir, blocks[1])
	}},
	{"swaks", []string{"swaks"}, func(t *testing.T, dir, port string, blocks []string) error {
		line := "swaks --server 127.0.0.1:2525 --tls --tls-verify --to you@example.org"
		if blocks != nil {
			line = blocks[0]
		}
		return shell(t, dir, strings.Replace(line, ":2525", ":"+port, 1))
	}},
	{"msmtp", []string{"msmtp"}, func(t *testing.T, dir, port string, blocks []string) error {
		config := "account default\nhost 127.0.0.1\nport " + port + "\nfrom sender@example.com\ntls on\n" + first(blocks) + "\n"
		return script(t, dir, "msmtprc", config, "echo hello |", "msmtp rcpt@example.net -C")
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
			if show := p.smtptap(t, "show"); !strings.Contains(show, "smtptap ca howto") || !strings.Contains(show, p.authority(t)) {
				t.Errorf("the refusal is not explained:\n%s", show)
			}
			if err := a.run(t, t.TempDir(), p.port(), pasted(t, p.smtptap(t, "ca", "howto", a.howto))); err != nil {
				t.Errorf("the client: %v", err)
			}
			p.recorded(t, 2)
			if show := p.smtptap(t, "show"); strings.Contains(show, "TLS with the client failed") {
				t.Errorf("refused:\n%s", show)
			}
		})
	}
}
