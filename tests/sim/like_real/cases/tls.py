"""TLS: handshakes that succeed and that fail, and how such connections end."""

from __future__ import annotations

import asyncio
import functools
import ssl
import tempfile
from datetime import datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from tests.sim.like_real.machines import Machine
from tests.sim.like_real.words import Line, awaited, plain, soon, tcp, tried

NAME = "server.test"


@functools.cache
def identity(last_year: int = 2090) -> tuple[bytes, bytes]:
    """Make a certificate that is its own authority, and its key.

    OpenSSL asks the real clock, in a simulated internet too; so the certificate is valid for a century.

    Args:
        last_year: the year in which it ends.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, NAME)])
    names = [x509.DNSName(NAME), x509.IPAddress(ip_address("127.0.0.1"))]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(datetime(2000, 1, 1))
        .not_valid_after(datetime(last_year, 1, 1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return certificate.public_bytes(pem), secret


def _server_side(last_year: int = 2090) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as folder:
        both = Path(folder, "both.pem")
        both.write_bytes(b"".join(identity(last_year)))
        context.load_cert_chain(both)
    return context


def _client_side(last_year: int = 2090) -> ssl.SSLContext:
    return ssl.create_default_context(cadata=identity(last_year)[0].decode())


async def _echo(reader: Any, writer: Any) -> None:
    while data := await reader.read(1000):
        writer.write(data)
    writer.close()


async def _tried(port: int, server: ssl.SSLContext, client: Any, **named: Any) -> list[Any]:
    """Start a server, try to connect to it, and return what the client and the server's protocol saw."""
    loop = asyncio.get_running_loop()
    far = Line()
    listening = await loop.create_server(lambda: far, "127.0.0.1", port, ssl=server)
    seen = [await awaited(loop.create_connection(Line, "127.0.0.1", port, ssl=client, **named))]
    await soon()
    listening.close()
    return [*seen, plain(far.told)]


async def words_and_an_end(here: Machine, there: Machine) -> list[Any]:
    async with await asyncio.start_server(_echo, "127.0.0.1", 5160, ssl=_server_side()):
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", 5160, ssl=_client_side(), server_hostname=NAME
        )
        writer.write(b"hello")
        seen = [await awaited(reader.readexactly(5)), writer.can_write_eof(), tried(writer.write_eof)]
        kind = writer.get_extra_info("ssl_object")
        seen += [kind.version(), plain(writer.get_extra_info("peername")), kind.server_hostname]
        seen += [sorted(writer.get_extra_info("peercert"))[:3], writer.get_extra_info("cipher")[1]]
        writer.close()
        return [*seen, await awaited(writer.wait_closed())]


async def by_address(here: Machine, there: Machine) -> list[Any]:
    return await _tried(5161, _server_side(), _client_side())


async def an_unknown_authority(here: Machine, there: Machine) -> list[Any]:
    return await _tried(5162, _server_side(), ssl.create_default_context(), server_hostname=NAME)


async def another_name(here: Machine, there: Machine) -> list[Any]:
    return await _tried(5163, _server_side(), _client_side(), server_hostname="other.test")


async def a_certificate_that_has_ended(here: Machine, there: Machine) -> list[Any]:
    return await _tried(5164, _server_side(2001), _client_side(2001), server_hostname=NAME)


async def nothing_is_checked(here: Machine, there: Machine) -> list[Any]:
    careless = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    careless.check_hostname, careless.verify_mode = False, ssl.CERT_NONE
    return await _tried(5165, _server_side(), careless)


async def no_common_version(here: Machine, there: Machine) -> list[Any]:
    server, client = _server_side(), _client_side()
    server.minimum_version = ssl.TLSVersion.TLSv1_3
    client.maximum_version = ssl.TLSVersion.TLSv1_2
    return await _tried(5166, server, client, server_hostname=NAME)


async def the_server_wants_a_certificate(here: Machine, there: Machine) -> list[Any]:
    server = _server_side()
    server.verify_mode = ssl.CERT_REQUIRED
    server.load_verify_locations(cadata=identity()[0].decode())
    loop = asyncio.get_running_loop()
    listening = await loop.create_server(Line, "127.0.0.1", 5167, ssl=server)
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", 5167, ssl=_client_side(), server_hostname=NAME
    )
    seen = [await awaited(reader.read())]
    writer.close()
    listening.close()
    return seen


async def protocols_negotiated(here: Machine, there: Machine) -> list[Any]:
    seen: list[Any] = []
    for port, offered in ((5168, ["h2", "http/1.1"]), (5169, ["nothing"])):
        server, client = _server_side(), _client_side()
        server.set_alpn_protocols(["http/1.1"])
        client.set_alpn_protocols(offered)
        async with await asyncio.start_server(_echo, "127.0.0.1", port, ssl=server):
            _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=client, server_hostname=NAME)
            seen.append(writer.get_extra_info("ssl_object").selected_alpn_protocol())
            writer.close()
    return seen


async def a_client_that_speaks_plainly(here: Machine, there: Machine) -> list[Any]:
    loop = asyncio.get_running_loop()
    far, near = Line(), Line()
    listening = await loop.create_server(lambda: far, "127.0.0.1", 5170, ssl=_server_side())
    transport, _ = await loop.create_connection(lambda: near, "127.0.0.1", 5170)
    transport.write(b"GET / HTTP/1.1\r\n\r\n")
    await soon()
    transport.close()
    listening.close()
    got = [part for part in near.told if not isinstance(part, bytes)]
    return [got, plain(far.told)]


async def a_server_that_speaks_plainly(here: Machine, there: Machine) -> list[Any]:
    async def plainly(reader: Any, writer: Any) -> None:
        writer.write(b"220 welcome to an old protocol\r\n")
        writer.close()

    loop = asyncio.get_running_loop()
    async with await asyncio.start_server(plainly, "127.0.0.1", 5171):
        return [await awaited(loop.create_connection(Line, "127.0.0.1", 5171, ssl=_client_side()))]


async def a_server_that_hangs_up(here: Machine, there: Machine) -> list[Any]:
    async def hang_up(reader: Any, writer: Any) -> None:
        await reader.read(10_000)
        writer.close()

    loop = asyncio.get_running_loop()
    async with await asyncio.start_server(hang_up, "127.0.0.1", 5172):
        return [await awaited(loop.create_connection(Line, "127.0.0.1", 5172, ssl=_client_side()))]


async def a_server_that_says_nothing(here: Machine, there: Machine) -> list[Any]:
    loop = asyncio.get_running_loop()
    with tcp("127.0.0.1", 5173) as listening:
        listening.listen()
        trying = loop.create_connection(
            Line, "127.0.0.1", 5173, ssl=_client_side(), ssl_handshake_timeout=0.2
        )
        return [await awaited(trying)]


async def wrong_arguments(here: Machine, there: Machine) -> list[Any]:
    loop = asyncio.get_running_loop()
    with tcp("127.0.0.1", 5174) as listening:
        listening.listen()
        wrong: tuple[dict[str, Any], ...] = (
            {"server_hostname": NAME},
            {"ssl": "yes"},
            {"ssl": _client_side(), "ssl_handshake_timeout": -1},
            {"ssl_handshake_timeout": 1},
        )
        return [await awaited(loop.create_connection(Line, "127.0.0.1", 5174, **named)) for named in wrong]


async def aborted(here: Machine, there: Machine) -> list[Any]:
    loop = asyncio.get_running_loop()
    far, near = Line(), Line()
    listening = await loop.create_server(lambda: far, "127.0.0.1", 5175, ssl=_server_side())
    transport, _ = await loop.create_connection(lambda: near, "127.0.0.1", 5175, ssl=_client_side())
    await soon()
    transport.abort()
    await soon()
    listening.close()
    return [plain(near.told), plain(far.told)]


async def closed_by_one_side(here: Machine, there: Machine) -> list[Any]:
    loop = asyncio.get_running_loop()
    far, near = Line(), Line()
    listening = await loop.create_server(lambda: far, "127.0.0.1", 5176, ssl=_server_side())
    transport, _ = await loop.create_connection(lambda: near, "127.0.0.1", 5176, ssl=_client_side())
    await soon()
    transport.write(bytes(300_000))
    transport.close()
    await soon()
    await soon()
    listening.close()
    return [plain(near.told), plain(far.told)]


async def cut_off_before_the_handshake(here: Machine, there: Machine) -> list[Any]:
    loop = asyncio.get_running_loop()
    far = Line()
    listening = await loop.create_server(lambda: far, "127.0.0.1", 5177, ssl=_server_side())
    with tcp() as client:
        await loop.sock_connect(client, ("127.0.0.1", 5177))
    await soon()
    listening.close()
    return [plain(far.told)]


async def raised_to_tls_later(here: Machine, there: Machine) -> list[Any]:
    async def upgrading(reader: Any, writer: Any) -> None:
        await reader.readline()
        writer.write(b"go on\n")
        await writer.drain()
        await writer.start_tls(_server_side())
        writer.write(await reader.readline())
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(upgrading, "127.0.0.1", 5179):
        reader, writer = await asyncio.open_connection("127.0.0.1", 5179)
        writer.write(b"STARTTLS\n")
        seen = [await awaited(reader.readline())]
        await writer.start_tls(_client_side(), server_hostname=NAME)
        writer.write(b"secret\n")
        seen += [await awaited(reader.readline()), await awaited(reader.read())]
        kind = writer.get_extra_info("ssl_object")
        writer.close()
        return [*seen, kind is not None]
