"""Channels: who listens where, what is passed on, and what is too much. The machine of a hub.

A hub is a room with a megaphone: whoever subscribes to a channel hears all that anybody sends to it. It keeps
nothing, so what is sent to an empty channel is lost.

Rules (fault F068)
    1. A message has at most `max_message_bytes`, and is JSON. Line feeds between its parts become spaces,
       because a line feed ends a `data` line; JSON's texts have none inside.
    2. Channels, subscriptions, and subscriptions of one host are bounded. What is too much is refused.
    3. A host may send `messages_per_s` on average, and `burst` at once. Each message goes to every
       subscriber, so one that sends without pause would have the hub send a hundred times as much.
    4. A subscriber that does not read fast enough is cut off when `max_waiting_bytes` wait for it: a gap that
       nobody notices is worse than a connection that ends. It comes back when it can. When
       `max_waiting_in_all_bytes` wait for all together, the one that most waits for is cut off.
    5. In IPv6 a host is a /64, because whoever has one address there has them all.

Vocabulary::

    channel      "app/name", for example "cats/0beec7b5"
    subscriber   one response that is open, on one or several channels
    host         the IP address that a request came from, in IPv6 its /64
"""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NoReturn

from p2plib.discovery.signal import events
from p2plib.errors import P2PError
from p2plib.protocol.peer_score import subject

MAX_NAME = 256  # characters of a channel's name, app included
MAX_HOSTS = 4096  # whose rates are remembered


@dataclass(frozen=True, slots=True)
class HubLimits:
    """What one hub bears.

    Args:
        max_message_bytes: of one message; npm signalhub's limit.
        max_channels: that have a subscriber.
        max_subscribers: in all.
        max_of_host: subscriptions of one host; many peers may share a NAT.
        max_names: channels of one subscription.
        messages_per_s: of one host, on average.
        burst: messages that one host may send at once.
        max_waiting_bytes: what waits for one subscriber, or is being sent to it.
        max_waiting_in_all_bytes: the same, for all of them together.
    """

    max_message_bytes: int = 64 * 1024
    max_channels: int = 10_000
    max_subscribers: int = 10_000
    max_of_host: int = 64
    max_names: int = 16
    messages_per_s: float = 20.0
    burst: float = 60.0
    max_waiting_bytes: int = 512 * 1024
    max_waiting_in_all_bytes: int = 64 * 1024 * 1024


class HubRefused(P2PError):
    """A hub of ours refuses a request.

    Args:
        status: the HTTP status that says so.
        sentence: why.
    """

    def __init__(self, status: int, sentence: str) -> None:
        self.status = status
        super().__init__(sentence)


@dataclass(eq=False)
class Subscriber:
    """One open response. Whenever `wake` is set, its driver takes what `waiting` holds, and sends it.

    Attributes:
        names: its channels.
        host: where it came from.
        waiting: the events that have not been taken yet, encoded.
        waiting_bytes: of these, and of what was taken and is not sent yet.
        wake: set when there is something to do.
        is_cut: rule 4; nothing more will come.
        is_over: the hub is ending, and so is this response.
        on_cut: called when it is cut off, perhaps while its driver waits for it to read.
    """

    names: tuple[str, ...]
    host: str
    waiting: deque[bytes] = field(default_factory=deque)
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    is_cut: bool = False
    is_over: bool = False
    waiting_bytes: int = 0
    on_cut: Callable[[], object] = lambda: None

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will come."""
        return self.is_cut or self.is_over

    def take(self) -> bytes:
        """All that waits; the caller sends it, and then calls `Channels.sent`."""
        data = b"".join(self.waiting)
        self.waiting.clear()
        self.wake.clear()
        return data


class Channels:
    """All channels of one hub.

    Args:
        limits: rules 1 to 4.

    Attributes:
        refused: how often something was refused, by the status that said so.
        passed_on: how many messages were taken from senders.
        cut: how many subscribers were cut off. Rule 4.
        waiting_bytes: what waits for all subscribers together.
        hears: called with a line about each thing that happens; does nothing by default.
    """

    def __init__(self, limits: HubLimits | None = None) -> None:
        self.limits = limits or HubLimits()
        self.refused: Counter[int] = Counter()
        self.passed_on = self.cut = self.waiting_bytes = 0
        self.hears: Callable[[str], object] = lambda line: None
        self._channels: dict[str, dict[Subscriber, None]] = {}
        self._subscribers: dict[Subscriber, None] = {}
        self._of_host: Counter[str] = Counter()
        self._buckets: dict[str, tuple[float, float]] = {}  # by host: what may be sent, and as of when

    def __len__(self) -> int:
        return len(self._subscribers)

    def everybody(self) -> tuple[Subscriber, ...]:
        """All that are subscribed."""
        return tuple(self._subscribers)

    def subscribe(self, app: str, names: str, host: str) -> Subscriber:
        """A new subscriber.

        Args:
            app: the application, a part of every channel's name.
            names: one name or several, with commas between them, as the path of a request has them.
            host: where the request came from.

        Raises:
            HubRefused: rule 2.
        """
        host = subject(host)
        wanted = tuple(dict.fromkeys(f"{app}/{name}" for name in names.split(",")))
        if len(wanted) > self.limits.max_names:
            self._refuse(400, f"at most {self.limits.max_names} channels in one subscription")
        for name in wanted:
            self._check_name(name)
        new = sum(name not in self._channels for name in wanted)
        if len(self._subscribers) >= self.limits.max_subscribers:
            self._refuse(503, "this hub has as many subscribers as it can")
        if len(self._channels) + new > self.limits.max_channels:
            self._refuse(503, "this hub has as many channels as it can")
        if self._of_host[host] >= self.limits.max_of_host:
            self._refuse(429, f"at most {self.limits.max_of_host} subscriptions from one host")
        subscriber = Subscriber(wanted, host)
        self._subscribers[subscriber] = None
        self._of_host[host] += 1
        for name in wanted:
            self._channels.setdefault(name, {})[subscriber] = None
        self.hears(f"{host} listens to {', '.join(wanted)}")
        return subscriber

    def unsubscribe(self, subscriber: Subscriber) -> None:
        """Ends a subscription; a second time does nothing."""
        if self._subscribers.pop(subscriber, 0) == 0:
            return
        self._of_host[subscriber.host] -= 1
        if not self._of_host[subscriber.host]:
            del self._of_host[subscriber.host]
        self._drop(subscriber)
        for name in subscriber.names:
            self._channels[name].pop(subscriber)
            if not self._channels[name]:
                del self._channels[name]
        self.hears(f"{subscriber.host} has left {', '.join(subscriber.names)}")

    def broadcast(self, name: str, body: bytes, host: str, now: float) -> int:
        """Passes a message on to all subscribers of a channel, the sender included if it is one.

        Args:
            name: the channel's whole name.
            body: the message.
            host: where it came from.
            now: the time in seconds, for rule 3.

        Returns:
            How many will get it.

        Raises:
            HubRefused: rules 1 and 3.
        """
        self._check_name(name)
        host = subject(host)
        if not self._may_send(host, now):
            self._refuse(429, f"at most {self.limits.messages_per_s:g} messages a second from one host")
        event = events.encode(self._one_line(body))
        self.passed_on += 1
        listening = self._channels.get(name, {})
        for subscriber in listening:
            self._give(subscriber, event)
        self.hears(f"{host} sends {len(body)} bytes to {name}, heard by {len(listening)}")
        return len(listening)

    def _one_line(self, body: bytes) -> str:
        """Rule 1."""
        if len(body) > self.limits.max_message_bytes:
            self._refuse(413, f"a message has at most {self.limits.max_message_bytes} bytes")
        try:
            text = body.decode()
            json.loads(text)
        except (ValueError, RecursionError):
            self._refuse(400, "a message is JSON, in UTF-8")
        return re.sub("[\r\n]", " ", text)

    def sent(self, subscriber: Subscriber, data: bytes) -> None:
        """Notes that what was taken has been sent."""
        if not subscriber.is_cut:
            subscriber.waiting_bytes -= len(data)
            self.waiting_bytes -= len(data)

    def cut_off(self, subscriber: Subscriber) -> None:
        """Rule 4; a second time does nothing."""
        if not subscriber.is_cut:
            subscriber.is_cut = True
            self.cut += 1
            self._drop(subscriber)
            subscriber.wake.set()
            subscriber.on_cut()

    def _give(self, subscriber: Subscriber, event: bytes) -> None:
        if subscriber.is_cut:
            return
        subscriber.waiting.append(event)
        subscriber.waiting_bytes += len(event)
        self.waiting_bytes += len(event)
        subscriber.wake.set()
        if subscriber.waiting_bytes > self.limits.max_waiting_bytes:
            self.cut_off(subscriber)
        elif self.waiting_bytes > self.limits.max_waiting_in_all_bytes:
            self.cut_off(max(self._subscribers, key=lambda each: each.waiting_bytes))

    def _drop(self, subscriber: Subscriber) -> None:
        self.waiting_bytes -= subscriber.waiting_bytes
        subscriber.waiting_bytes = 0
        subscriber.waiting.clear()

    def _check_name(self, name: str) -> None:
        app, _, rest = name.partition("/")
        if not app or not rest or len(name) > MAX_NAME or not name.isprintable():
            self._refuse(404, f"a channel is /v1/<app>/<name>, at most {MAX_NAME} characters")

    def _may_send(self, host: str, now: float) -> bool:
        left, since = self._buckets.pop(host, (self.limits.burst, now))
        left = min(self.limits.burst, left + (now - since) * self.limits.messages_per_s)
        may = left >= 1
        self._buckets[host] = left - may, now  # last, so that the first is the one silent for longest
        if len(self._buckets) > MAX_HOSTS:
            del self._buckets[next(iter(self._buckets))]
        return may

    def _refuse(self, status: int, sentence: str) -> NoReturn:
        self.refused[status] += 1
        self.hears(f"refused, status {status}: {sentence}")
        raise HubRefused(status, sentence)
