<?php
// Sends one message with the real PHPMailer and prints its own debug log at
// level 2. Arguments: host, port, then name=value settings; to=... may repeat.
require '/usr/share/php/libphp-phpmailer/autoload.php';

use PHPMailer\PHPMailer\PHPMailer;

$mail = new PHPMailer(true);
$mail->isSMTP();
$mail->SMTPDebug = 2;
$mail->Debugoutput = 'echo';
$mail->Host = $argv[1];
$mail->Port = (int) $argv[2];
$mail->Helo = 'client.example.com';
$mail->CharSet = 'utf-8';
$mail->SMTPAutoTLS = false;
$mail->Timeout = 20;
$mail->getSMTPInstance()->Timelimit = 20;
$mail->setFrom('sender@example.com', '易联云');
$mail->Subject = '易联云验证码';
$mail->Body = "<p>你好 <b>smtp</b></p>\n.a dot\n..two dots\n\n" . str_repeat('long line ', 30) . "\n";
$mail->AltBody = "你好 smtp\n.\nafter the dot";
foreach (array_slice($argv, 3) as $setting) {
    [$name, $value] = explode('=', $setting, 2);
    switch ($name) {
        case 'to':
            $mail->addAddress($value);
            break;
        case 'auth':
            $mail->SMTPAuth = true;
            $mail->AuthType = $value;
            $mail->Username = 'user@example.com';
            break;
        case 'password':
            $mail->Password = $value;
            break;
        case 'secure':
            $mail->SMTPSecure = $value;
            break;
        case 'timeout':
            $mail->Timeout = (int) $value;
            $mail->getSMTPInstance()->Timelimit = (int) $value;
            break;
        case 'cafile':
            $mail->SMTPOptions = ['ssl' => ['cafile' => $value, 'verify_peer' => true, 'verify_peer_name' => true]];
            break;
    }
}
try {
    $mail->send();
} catch (Exception $e) {
    exit(1);
}
