<?php
// Sends a message with Symfony Mailer: symfony.php PORT PASSWORD RECIPIENT...
require '/usr/share/php/Symfony/Component/Mailer/autoload.php';

use Symfony\Component\Mailer\Mailer;
use Symfony\Component\Mailer\Transport\Smtp\EsmtpTransport;
use Symfony\Component\Mime\Email;

$transport = new EsmtpTransport('127.0.0.1', (int) $argv[1], false);
$transport->setUsername('user@example.com');
$transport->setPassword($argv[2]);
$email = (new Email())->from('sender@example.com')->to(...array_slice($argv, 3))->subject('Grüße')->text("hello\n");
try {
    (new Mailer($transport))->send($email);
} catch (\Throwable $e) {
    fwrite(STDERR, $e->getMessage() . "\n");
    exit(1);
}
