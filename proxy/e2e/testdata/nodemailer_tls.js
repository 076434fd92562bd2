// Sends the message in a file with nodemailer over TLS. Arguments: port, starttls or implicit, CA file, file.
const fs = require('fs');
const nodemailer = require('nodemailer');
const [port, how, ca, path] = process.argv.slice(2);
const transport = nodemailer.createTransport({
	host: 'localhost', port: Number(port), secure: how === 'implicit', requireTLS: how !== 'implicit',
	tls: { ca: fs.readFileSync(ca) },
});
transport.sendMail({
	envelope: { from: 'sender@example.com', to: ['rcpt@example.net'] },
	raw: fs.readFileSync(path),
}, (error) => { if (error) { console.error(error); process.exit(1); } });
