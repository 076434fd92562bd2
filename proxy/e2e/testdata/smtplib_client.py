"""Sends the message in a file with smtplib. Arguments: port, file."""
import smtplib
import sys

with smtplib.SMTP("127.0.0.1", int(sys.argv[1]), timeout=20) as smtp:
    smtp.login("user@example.com", "right")
    with open(sys.argv[2], "rb") as f:
        smtp.sendmail("sender@example.com", ["rcpt@example.net"], f.read())
