"""Sends the message in a file with smtplib. Arguments: port, file, then for TLS
starttls or smtps, and the file of the authority to trust."""
import smtplib
import ssl
import sys

port, file = int(sys.argv[1]), sys.argv[2]
security = sys.argv[3] if len(sys.argv) > 3 else ""
context = ssl.create_default_context(cafile=sys.argv[4]) if security else None

if security == "smtps":
    client = smtplib.SMTP_SSL("127.0.0.1", port, timeout=20, context=context)
else:
    client = smtplib.SMTP("127.0.0.1", port, timeout=20)
with client as smtp:
    if security == "starttls":
        smtp.starttls(context=context)
    smtp.login("user@example.com", "right")
    with open(file, "rb") as f:
        smtp.sendmail("sender@example.com", ["rcpt@example.net"], f.read())
