"""Two QUIC machines and the wire between them, without a socket or a clock."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from p2plib.identity.keys import SecretKey
from p2plib.protocol.quic.limits import QuicLimits
from p2plib.protocol.quic.machine import Machine, configure

ALICE, BOB = (SecretKey.from_seed(bytes([number]) * 32) for number in (1, 2))
WHERE = {True: ("192.0.2.1", 1111), False: ("192.0.2.2", 2222)}  # the client, and the server
STEP_S = 0.05  # in which acknowledgements that were put off become due


@dataclass
class Wire:
    """Client and server, and what each has been told.

    Args:
        limits: of both.
        changes: what is otherwise in the configuration of the client, and of the server.
    """

    limits: QuicLimits = field(default_factory=QuicLimits)
    changes: tuple[dict[str, Any], dict[str, Any]] = ({}, {})

    def __post_init__(self) -> None:
        self.now = 0.0
        self.told: dict[Machine, list[Any]] = {}
        configurations = [
            configure(identity, is_client=is_client, limits=self.limits)
            for identity, is_client in ((ALICE, True), (BOB, False))
        ]
        for configuration, changes in zip(configurations, self.changes, strict=True):
            for name, value in changes.items():
                setattr(configuration, name, value)
        self.client = Machine(configurations[0], self.limits)
        self.client.connect(WHERE[False], now=self.now)
        self.server = Machine(
            configurations[1], self.limits, original_id=self.client.original_destination_connection_id
        )
        self.told = {self.client: [], self.server: []}

    def run(self, seconds: float = 1.0) -> None:
        """Carries datagrams and runs timers for a while; what the machines tell is noted."""
        end = self.now + seconds
        while self.now < end:
            moved = self._carry(self.client, self.server) + self._carry(self.server, self.client)
            if not moved:
                self.now += STEP_S
                for machine in self.told:
                    due = machine.get_timer() if machine._network_paths else None
                    if due is not None and due <= self.now:
                        machine.handle_timer(self.now)
                        self._note(machine)

    def _carry(self, one: Machine, other: Machine) -> int:
        if not one._network_paths:  # a server that nothing has reached
            return 0
        datagrams = one.datagrams_to_send(self.now)
        for data, _ in datagrams:
            other.receive_datagram(data, WHERE[one is self.client], self.now)
            self._note(other)
        return len(datagrams)

    def _note(self, machine: Machine) -> None:
        while (event := machine.next_event()) is not None:
            self.told[machine].append(event)

    def got(self, machine: Machine, kind: str) -> list[Any]:
        """The events of one kind that a machine has told."""
        return [event for event in self.told[machine] if type(event).__name__ == kind]

    def received(self, machine: Machine, stream_id: int) -> bytes:
        """What has come on a stream."""
        events = self.got(machine, "StreamDataReceived")
        return b"".join(event.data for event in events if event.stream_id == stream_id)


def connected(limits: QuicLimits | None = None) -> Wire:
    """Both, after the handshake."""
    wire = Wire(limits or QuicLimits())
    wire.run()
    assert wire.got(wire.client, "HandshakeCompleted")
    assert wire.got(wire.server, "HandshakeCompleted")
    return wire
