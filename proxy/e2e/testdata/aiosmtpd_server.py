"""An aiosmtpd server for tests. Prints its port, then a line of JSON for every message.

Options: --auth (require AUTH, password "right"), --cert FILE --key FILE (STARTTLS),
--smtps (TLS from the first byte), --client-ca FILE (demand a certificate that
it signs for), --tls-old (speak nothing newer than TLS 1.1), --reject ADDRESS
(refuse that recipient).
"""
import argparse
import asyncio
import base64
import hashlib
import json
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult

parser = argparse.ArgumentParser()
parser.add_argument("--auth", action="store_true")
parser.add_argument("--cert")
parser.add_argument("--key")
parser.add_argument("--smtps", action="store_true")
parser.add_argument("--client-ca")
parser.add_argument("--tls-old", action="store_true")
parser.add_argument("--reject", action="append", default=[])
options = parser.parse_args()


class Handler:
    async def handle_RCPT(self, server, session, envelope, address, rcpt_options):
        if address in options.reject:
            return "550 5.1.1 no such user here"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 fine"

    async def handle_DATA(self, server, session, envelope):
        print(json.dumps({
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "sha256": hashlib.sha256(envelope.original_content).hexdigest(),
            "content": base64.b64encode(envelope.original_content).decode(),
        }), flush=True)
        return "250 2.0.0 queued as 4711"


def authenticate(server, session, envelope, mechanism, data):
    return AuthResult(success=data.password == b"right", handled=False)


async def main():
    context = None
    if options.cert:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(options.cert, options.key)
        if options.client_ca:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(options.client_ca)
        if options.tls_old:
            context.set_ciphers("DEFAULT@SECLEVEL=0")
            context.minimum_version = ssl.TLSVersion.TLSv1
            context.maximum_version = ssl.TLSVersion.TLSv1_1

    def session():
        return SMTP(
            Handler(),
            hostname="mx.example.org",
            authenticator=authenticate if options.auth else None,
            auth_required=options.auth,
            auth_require_tls=False,
            tls_context=None if options.smtps else context,
            enable_SMTPUTF8=True,
            data_size_limit=300_000_000,
        )

    server = await asyncio.get_running_loop().create_server(
        session, "127.0.0.1", 0, ssl=context if options.smtps else None)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


asyncio.run(main())
