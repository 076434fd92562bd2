"""A receiving mail server for tests: aiosmtpd.

Arguments: HOST PORT, and a file with certificate and key to offer STARTTLS.
Prints "ready", then a line of JSON for every message.
"""
import asyncio
import json
import ssl
import sys

from aiosmtpd.smtp import SMTP


class Handler:
    async def handle_DATA(self, server, session, envelope):
        print(json.dumps({
            "hello": session.host_name,
            "tls": session.ssl is not None,
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "content": envelope.original_content.decode("latin-1"),
        }), flush=True)
        return "250 2.0.0 queued as 4711"


tls = None
if len(sys.argv) > 3:
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(sys.argv[3])


async def serve():
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(Handler(), hostname="mx.one.example", tls_context=tls), sys.argv[1], int(sys.argv[2]))
    print("ready", flush=True)
    await server.serve_forever()


asyncio.run(serve())
