// Sends the message in a file with nodemailer. Arguments: port, file.
const nodemailer = require('nodemailer');
const transport = nodemailer.createTransport({
	host: '127.0.0.1', port: Number(process.argv[2]), secure: false, ignoreTLS: true,
	auth: { user: 'user@example.com', pass: 'right' },
});
transport.sendMail({
	envelope: { from: 'sender@example.com', to: ['rcpt@example.net'] },
	raw: require('fs').readFileSync(process.argv[3]),
}, (error) => { if (error) { console.error(error); process.exit(1); } });
