# Sends a message with Email::Sender: email_sender.pl PORT PASSWORD RECIPIENT...
use strict;
use warnings;
use Email::Sender::Simple qw(sendmail);
use Email::Sender::Transport::SMTP;
use Email::Simple;

my ($port, $password, @recipients) = @ARGV;
my $message = Email::Simple->create(
    header => [From => 'sender@example.com', To => join(', ', @recipients), Subject => '=?utf-8?Q?Gr=C3=BC=C3=9Fe?='],
    body   => "hello\n",
);
sendmail($message, {
    from      => 'sender@example.com',
    to        => \@recipients,
    transport => Email::Sender::Transport::SMTP->new(
        host => '127.0.0.1', port => $port, sasl_username => 'user@example.com', sasl_password => $password,
    ),
});
