package findings

// Mends that several rules share.
const (
	phpStartTLS = "$mail->SMTPSecure = PHPMailer::ENCRYPTION_STARTTLS; $mail->Port = 587;"
	phpSMTPS    = "$mail->SMTPSecure = PHPMailer::ENCRYPTION_SMTPS; $mail->Port = 465;"
	phpNoTLS    = "$mail->SMTPSecure = ''; $mail->SMTPAutoTLS = false;"
	phpCAFile   = "$mail->SMTPOptions = ['ssl' => ['cafile' => '/path/to/ca.pem']];"
	phpLogin    = "$mail->SMTPAuth = true; $mail->Username = 'user@example.com'; $mail->Password = '…';"
	phpFrom     = "$mail->setFrom('account@example.com', 'Name'); $mail->addReplyTo($visitor); // and leave $mail->Sender empty"
	phpHelo     = "$mail->Helo = 'www.example.com';"
	phpDebug    = "$mail->SMTPDebug = SMTP::DEBUG_CONNECTION; // level 3 shows PHP's own warnings"
	phpOAuth    = "$mail->AuthType = 'XOAUTH2'; $mail->setOAuth($provider);"
	phpWait     = "$mail->Timeout = 300; $mail->getSMTPInstance()->Timelimit = 300;"
	phpKeep     = "$mail->SMTPKeepAlive = true; // one connection for all messages, then $mail->smtpClose();"

	nodeStartTLS = "port: 587, secure: false, requireTLS: true"
	nodeSMTPS    = "port: 465, secure: true"
	nodeLogin    = "auth: { user: 'user@example.com', pass: '…' }"
	nodeFrom     = "from: 'account@example.com', replyTo: visitor"
	nodeName     = "name: 'www.example.com'"
	nodeOAuth    = "auth: { type: 'OAuth2', user, clientId, clientSecret, refreshToken }"
	nodePool     = "pool: true, maxConnections: 1"

	pyStartTLS = "smtp = smtplib.SMTP(host, 587); smtp.starttls(context=ssl.create_default_context())"
	pySMTPS    = "smtplib.SMTP_SSL(host, 465)"
	pyLogin    = "smtp.login('user@example.com', password)"
	pyName     = "smtplib.SMTP(host, 587, local_hostname='www.example.com')"

	symLogin    = "MAILER_DSN=smtp://user%40example.com:password@host:587; Laravel: MAIL_USERNAME and MAIL_PASSWORD, then `php artisan config:clear`"
	symStartTLS = "MAILER_DSN=smtp://…:587; Laravel: MAIL_PORT=587, MAIL_ENCRYPTION=tls (MAIL_SCHEME=smtp since 11)"
	symSMTPS    = "MAILER_DSN=smtps://…:465; Laravel: MAIL_PORT=465, MAIL_ENCRYPTION=ssl (MAIL_SCHEME=smtps since 11)"
	symName     = "MAILER_DSN=…?local_domain=www.example.com; Laravel: MAIL_EHLO_DOMAIN"
	symFrom     = "->from('account@example.com')->replyTo($visitor); Laravel: MAIL_FROM_ADDRESS"

	wpFrom = "WP Mail SMTP: switch on Force From Email with the account's address"
)
