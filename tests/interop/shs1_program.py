"""The program that shs1-test asks for: one secret handshake over standard input and output.

    python -m tests.interop.shs1_program server NETWORK SECRET PUBLIC    (all in hex)
    python -m tests.interop.shs1_program client NETWORK SERVER'S_PUBLIC

It writes its messages and, when the handshake is finished, its keys and nonces; if the other side does not
hold, it writes nothing more and ends with status 1.
"""

from __future__ import annotations

import sys

from p2plib.errors import P2PError
from p2plib.identity.keys import PublicKey, SecretKey
from p2plib.protocol.scuttlebutt.secret_handshake import ClientHandshake, ServerHandshake


def handshake(role: str, network: bytes, *keys: bytes) -> ClientHandshake | ServerHandshake:
    if role == "server":
        return ServerHandshake(SecretKey.from_seed(keys[0][:32]), network=network)
    return ClientHandshake(SecretKey.generate(), PublicKey(keys[0]), network=network)


def main(role: str, *arguments: str) -> int:
    machine = handshake(role, *map(bytes.fromhex, arguments))
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    try:
        while not machine.is_finished:
            sink.write(machine.to_send())
            sink.flush()
            data = source.read(machine.need_bytes)
            if len(data) < machine.need_bytes:
                return 1
            machine.receive(data)
    except P2PError:
        return 1
    outcome = machine.outcome
    sink.write(machine.to_send())
    sink.write(outcome.send_key.expose() + outcome.send_nonce)
    sink.write(outcome.receive_key.expose() + outcome.receive_nonce)
    sink.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
