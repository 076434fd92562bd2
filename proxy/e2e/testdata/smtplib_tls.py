"""Sends the message in a file with smtplib over TLS. Arguments: port, starttls or implicit, CA file, file."""
import smtplib
import ssl
import sys

port, how, ca, path = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4]
context = ssl.create_default_context(cafile=ca)
if how == "implicit":
    smtp = smtplib.SMTP_SSL("localhost", port, timeout=20, context=context)
else:
    smtp = smtplib.SMTP("localhost", port, timeout=20)
    smtp.starttls(context=context)
with smtp, open(path, "rb") as f:
    smtp.sendmail("sender@example.com", ["rcpt@example.net"], f.read())
