# Sends a message with Ruby's mail: mail.rb PORT PASSWORD RECIPIENT...
require 'mail'

port, password, *recipients = ARGV
Mail.defaults do
  delivery_method :smtp, address: '127.0.0.1', port: port.to_i, user_name: 'user@example.com', password: password,
                         authentication: 'plain', enable_starttls_auto: false
end
Mail.deliver do
  from 'sender@example.com'
  to recipients
  subject 'Grüße'
  body "hello\n"
end
