// Sends the message in a file with nodemailer. Arguments: port, file, then for
// TLS starttls or smtps, and the file of the authority to trust.
const fs = require('fs');
const nodemailer = require('nodemailer');
const [port, file, security, ca] = process.argv.slice(2);
const transport = nodemailer.createTransport({
	host: '127.0.0.1', port: Number(port), secure: security === 'smtps',
	ignoreTLS: !security, requireTLS: security === 'starttls',
	tls: ca ? { ca: fs.readFileSync(ca) } : undefined,
	auth: { user: 'user@example.com', pass: 'right' },
});
transport.sendMail({
	envelope: { from: 'sender@example.com', to: ['rcpt@example.net'] },
	raw: fs.readFileSync(file),
}, (error) => { if (error) { console.error(error); process.exit(1); } });
