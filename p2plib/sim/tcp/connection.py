"""Connection: one end of a TCP connection. A machine on segments, without a network.

It is a small but real TCP after RFC 9293 and, where that follows them, RFC 5961 (what a forged segment can
do); its two halves are `p2plib.sim.tcp.send` (RFC 6298, 5681) and `p2plib.sim.tcp.receive`.

States, and which of them follows which, are in `p2plib.sim.tcp.states`.

Rules
    1. Feed it: `receive(segment, now_s)`, `on_timer(now_s)` when `timer()` has come, and what the application
       does. After each of these ask for `events()`, then for `segments_to_send(now_s)`, then for `timer()`.
    2. Each direction ends for itself: `write_eof` ends ours, `EofReceived` theirs.
    3. While the application does not read (`set_reading(False)`), neither bytes nor the end reach it as
       events. It may still take bytes itself, with `read`.
    4. `close` means that nobody will read any more. Bytes that came and were not read, or that come later,
       are answered with a RST, for the other side must know that they are lost (RFC 9293, 3.6).
    5. `ConnectionClosed` is the last event, and comes once. Nothing moves afterwards.
    6. `p2plib.sim.tcp.acknowledge` decides when segments in order are acknowledged. One that is out of order,
       or fills a gap, is acknowledged by itself.

What is not here: a window scale, for `Segment.window` is a number of bytes that may exceed 65,535; selective
acknowledgements; keep-alive, so that an idle connection never notices that its other end is gone; LISTEN,
which is the business of whoever owns the ports.

Vocabulary: *position* as in `p2plib.sim.tcp.send`; `iss` and `irs` are the initial sequence numbers of this
end and of the other; `now_s` is a clock in seconds that never goes back.
"""

from __future__ import annotations

from p2plib import errors
from p2plib.errors import UsageError
from p2plib.sim.packet import Flag, Segment
from p2plib.sim.tcp.acknowledge import Acknowledger
from p2plib.sim.tcp.receive import Receiver
from p2plib.sim.tcp.send import Piece, Sender
from p2plib.sim.tcp.states import (
    FIN_WAIT_2_S,
    MODULUS,
    TRANSITIONS,
    Connected,
    ConnectionClosed,
    DataReceived,
    EofReceived,
    Event,
    Happening,
    Reset,
    Settings,
    State,
    TimedOut,
    refusal,
)

_MAY_SEND = (State.ESTABLISHED, State.CLOSE_WAIT)  # our FIN has not been sent
_MAY_RECEIVE = (State.ESTABLISHED, State.FIN_WAIT_1, State.FIN_WAIT_2)  # their FIN has not come
_OUR_FIN_IS_OUT = (State.FIN_WAIT_1, State.CLOSING, State.LAST_ACK)
_ALL_HAS_COME = (State.CLOSING, State.LAST_ACK, State.TIME_WAIT)  # both FINs: a RST takes nothing away
_SYN, _RST, _ACK, _FIN = (int(flag) for flag in (Flag.SYN, Flag.RST, Flag.ACK, Flag.FIN))
_JUST_ACK, _PSH_AND_ACK = Flag.ACK, Flag.PSH | Flag.ACK
_EXPECTED = (_JUST_ACK, _PSH_AND_ACK)


class Connection:
    """One end of a connection, CLOSED until `open` or `accept`.

    Args:
        iss: the initial sequence number, 0 to 2**32 - 1; different ones for successive connections of the
            same two addresses (RFC 9293, 3.4.1).
        settings: its numbers.

    Attributes:
        state: where it stands.
        ignored: how many segments were not acceptable.
        sender: its sending half, to look at, and to set the size of its buffer.
        receiver: its receiving half, for the same.
    """

    def __init__(self, iss: int, settings: Settings | None = None) -> None:
        if not 0 <= iss < MODULUS:
            raise UsageError(f"a sequence number is 0 to 2**32 - 1, not {iss}")
        self.settings = settings or Settings()
        self.state = State.CLOSED
        self.ignored = 0
        self._iss, self._irs = iss, 0
        self.sender = Sender(self.settings.mss)
        self.receiver = Receiver(self.settings.receive_buffer, self.settings.mss)
        self._knows_irs = False
        self._passive = False  # it began with the other side's SYN alone
        self._used = False
        self._closed = False  # the application has called `close`
        self._window_from = (0, 0)  # position and acknowledgement of the segment that set it (SND.WL1, WL2)
        self._acks = Acknowledger(self.settings.mss)
        self._acknowledge = False  # an ACK is to be sent now
        self._eof_told = False
        self._answers: list[Segment] = []  # to segments that came
        self._events: list[Event] = []
        self._linger_s: float | None = None  # the end of TIME_WAIT, or of FIN_WAIT_2 for a closed one

    # What the application does

    def open(self) -> None:
        """Begin a connection: `segments_to_send` has the SYN.

        Raises:
            UsageError: it was begun before.
        """
        self._begin(Happening.OPEN)

    def accept(self, segment: Segment) -> None:
        """Begin a connection with the SYN that came from the other side.

        Raises:
            UsageError: the segment does not begin one, or it was begun before.
        """
        if int(segment.flags) & (_SYN | _ACK | _RST) != _SYN:
            raise UsageError(f"a connection begins with a SYN, not with {segment.flags!r}")
        self._begin(Happening.SYN)
        self._passive = True
        self._learn_irs(segment)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Append bytes to what is to be sent; while the connection opens, they wait.

        Raises:
            Closed: the connection is closed, or was never begun.
            UsageError: `write_eof` was called.
        """
        if self.sender.eof:
            raise UsageError("nothing can be written after write_eof")
        if self.state is State.CLOSED:
            raise errors.Closed("the connection is closed")
        self.sender.write(data)

    def write_eof(self) -> None:
        """End our direction: a FIN goes out behind what was written."""
        self.sender.eof = True

    def close(self, now_s: float) -> None:
        """End our direction, and stop reading the other one for good (rule 4)."""
        self._closed = True
        self.write_eof()
        unread, self.receiver.reading = self.receiver.held_bytes, False
        if unread:
            self.abort()
        elif self.state is State.SYN_SENT:
            self._end()
        elif self.state is State.FIN_WAIT_2:
            self._linger_s = now_s + FIN_WAIT_2_S

    def abort(self) -> None:
        """Cut the connection: what was not sent is lost, and the other side gets a RST (3.10.5)."""
        if self.state not in (State.CLOSED, State.SYN_SENT, *_ALL_HAS_COME):
            self._answers.append(self._segment(Flag.RST, self.sender.sent))
        self._end()

    def cut_off(self) -> None:
        """End as if the other side had sent a RST."""
        self._receive_reset(self.receiver.nxt)

    def gives_way_to(self, syn: Segment, iss: int) -> bool:
        """In TIME_WAIT, end for a SYN that begins a new connection (3.10.7.4); return whether it did.

        It does if old segments of neither direction can be taken for new ones: *iss* is the first number that
        we would use.
        """
        sent, received = self.sender.sent, self.receiver.nxt
        are_new = _near(syn.seq - self._irs, received) > received and _near(iss - self._iss, sent) > sent
        if self.state is not State.TIME_WAIT or not are_new:
            return False
        self._end()
        return True

    def set_reading(self, reading: bool) -> None:
        """Whether the application takes what arrives; at first it does."""
        if not self._closed:
            self.receiver.reading = reading
            self._tell()
            self._acknowledge |= self.receiver.window_may_grow and self.state in _MAY_RECEIVE

    def read(self, size: int, now_s: float) -> bytes:
        """Take bytes that have arrived, *size* at most, while `set_reading` is off."""
        data = self.receiver.take(size, now_s, self.sender.round_trip_s)
        self._acknowledge |= self.receiver.window_doubles and self.state in _MAY_RECEIVE
        return data

    @property
    def numbers(self) -> tuple[int, int]:
        """The initial sequence numbers, ours and theirs; the other end has them the other way round."""
        return self._iss, self._irs

    @property
    def unsent_bytes(self) -> int:
        """How many bytes were written and have not been sent."""
        return self.sender.unsent_bytes

    @property
    def unacknowledged_bytes(self) -> int:
        """Bytes that were written, sent or not, and are not known to have arrived."""
        return self.sender.unacknowledged_bytes

    @property
    def unread_bytes(self) -> int:
        """Bytes that have arrived in order and that nobody has read."""
        return self.receiver.held_bytes

    @property
    def out_of_order_bytes(self) -> int:
        """Bytes that have arrived and wait for others before them."""
        return self.receiver.out_of_order_bytes

    @property
    def rto_s(self) -> float:
        """The retransmission time-out at this moment, in seconds."""
        return self.sender.rto_s

    # What goes out

    def events(self) -> list[Event]:
        """What has happened since the last call, in order."""
        events, self._events = self._events, []
        return events

    def segments_to_send(self, now_s: float) -> list[Segment]:
        """The segments that are to leave now."""
        out, self._answers = self._answers, []
        if self.state is not State.CLOSED and self.sender.has_work:
            position = self.sender.nxt
            for data in self.sender.whole_segments(now_s):
                out.append(self._segment(_JUST_ACK, position, data))
                position += len(data)
            while (piece := self.sender.next_piece(now_s)) is not None:
                out.append(self._segment_of(piece))
        due_s = self._acks.due_s
        if self._acknowledge or (due_s is not None and due_s <= now_s):
            out.append(self._segment(_JUST_ACK, self.sender.sent))
        return out

    def timer(self) -> float | None:
        """When to call `on_timer`, on the clock of `now_s`; None for never."""
        soonest_s = self.sender.timer_s
        for other_s in (self._acks.due_s, self._linger_s):
            if other_s is not None and (soonest_s is None or other_s < soonest_s):
                soonest_s = other_s
        return soonest_s

    def on_timer(self, now_s: float) -> None:
        """The time that `timer` gave has come. Too early a call does nothing."""
        if self._linger_s is not None and now_s >= self._linger_s:
            self._end()
        elif self.sender.timer_s is not None and now_s >= self.sender.timer_s:
            limits = {
                State.SYN_SENT: self.settings.syn_retries,
                State.SYN_RECEIVED: self.settings.syn_ack_retries,
            }
            if self.sender.tries >= limits.get(self.state, self.settings.retries):
                self._events.append(TimedOut(self.state))
                self._end()
            else:
                self.sender.on_timer(now_s)

    def _segment_of(self, piece: Piece) -> Segment:
        if piece.position == 0:
            return self._segment(Flag.SYN | Flag.ACK if self._knows_irs else Flag.SYN, 0)
        if piece.fin:
            if self.state in _MAY_SEND:
                self._move(Happening.FIN_SENT)
            return self._segment(Flag.FIN | Flag.ACK, piece.position, piece.data)
        flags = _PSH_AND_ACK if piece.last else _JUST_ACK  # RFC 9293, 3.9.1.2
        return self._segment(flags, piece.position, piece.data)

    def _segment(self, flags: Flag, position: int, data: bytes = b"") -> Segment:
        """Return a segment of ours; it acknowledges all that has come, so no other acknowledgement is due."""
        seq = (self._iss + position) % MODULUS
        if flags is Flag.RST:
            return Segment(flags, seq, 0, 0)
        self._acknowledge = False
        self._acks.sent()
        ack = (self._irs + self.receiver.nxt) % MODULUS if self._knows_irs else 0
        return Segment(flags, seq, ack, self.receiver.window(), data)

    # What comes in (RFC 9293, 3.10.7)

    def receive(self, segment: Segment, now_s: float) -> None:
        """Take a segment from the other side. A CLOSED connection takes none: see `refusal`."""
        if self.state is State.ESTABLISHED and self._receive_expected(segment, now_s):
            return
        if self.state is State.SYN_SENT:
            self._receive_in_syn_sent(segment, now_s)
        elif self.state is not State.CLOSED:
            self._receive_synchronized(segment, now_s)

    def _receive_expected(self, segment: Segment, now_s: float) -> bool:
        """Take a segment of the two most common kinds: the very next bytes, or an acknowledgement of ours.

        This is Van Jacobson's header prediction: for these, a few checks do for all the others.

        Returns:
            Whether it was one of them; if not, nothing was done.
        """
        sender, receiver, data = self.sender, self.receiver, segment.data
        if segment.flags not in _EXPECTED or segment.seq != (self._irs + receiver.nxt) % MODULUS:
            return False
        acked = (segment.ack - self._iss - sender.una) % MODULUS
        if data:
            if acked or self._closed or receiver.reading or not receiver.take_next(data):
                return False
            if self._acks.arrived(len(data), now_s, sender.rto_s):
                self._answers.append(self._segment(_JUST_ACK, sender.sent))
        elif 0 < acked <= sender.sent - sender.una:
            sender.acknowledge(sender.una + acked, now_s)
        else:
            return False
        self._window_from = (receiver.nxt - len(data), sender.una)
        sender.set_window(sender.una, segment.window)
        return True

    def _receive_in_syn_sent(self, segment: Segment, now_s: float) -> None:
        """3.10.7.3."""
        flags = int(segment.flags)
        if flags & _ACK and segment.ack != (self._iss + 1) % MODULUS:
            self.ignored += 1
            if answer := refusal(segment):
                self._answers.append(answer)
        elif flags & _RST:
            if flags & _ACK:
                self._events.append(Reset(refused=True))
                self._end()
            else:
                self.ignored += 1
        elif not flags & _SYN:
            self.ignored += 1
        elif flags & _ACK:
            self._learn_irs(segment)
            self.sender.acknowledge(1, now_s)
            self.sender.set_window(1, segment.window)
            self._acknowledge = True
            self._move(Happening.SYN_ACK)
            self._events.append(Connected())
        else:
            self._learn_irs(segment)
            self.sender.repeat_syn()
            self._move(Happening.SYN)

    def _receive_synchronized(self, segment: Segment, now_s: float) -> None:
        """3.10.7.4, whose seven checks come in this order."""
        flags, data = int(segment.flags), segment.data
        position = _near(segment.seq - self._irs, self.receiver.nxt)
        if self.state is State.SYN_RECEIVED and flags & _SYN and position == 0 and not flags & _RST:
            if not flags & _ACK:  # the answer to it was lost
                self.sender.repeat_syn()
                return
            flags, position = flags & ~_SYN, 1  # both opened at once: what counts is behind the SYN
        if flags & _RST:
            self._receive_reset(position)
            return
        length = len(data) + (1 if flags & _FIN else 0) + (1 if flags & _SYN else 0)
        if not self.receiver.accepts(position, length) or flags & _SYN:
            self._challenge()
            if self.state is State.TIME_WAIT:
                self._linger_s = now_s + self.settings.time_wait_s
            return
        if not flags & _ACK or not self._receive_ack(segment, position, now_s):
            return
        if length:
            self._receive_text(position, data, bool(flags & _FIN), now_s)

    def _receive_reset(self, position: int) -> None:
        """RFC 9293, 3.10.7.4, second, with the rule of RFC 5961, 3: only the very next position convinces."""
        if position != self.receiver.nxt:
            if self.receiver.nxt < position < self.receiver.edge:
                self._challenge()
            else:
                self.ignored += 1
            return
        if self.state is State.SYN_RECEIVED:
            if not self._passive:  # a passive one goes back to LISTEN without a word
                self._events.append(Reset(refused=True))
        elif self.state not in _ALL_HAS_COME:
            self._events.append(Reset(refused=False))
        self._end()

    def _challenge(self) -> None:
        """Not acceptable: an ACK tells the other side where we stand."""
        self.ignored += 1
        self._acknowledge = True

    def _receive_ack(self, segment: Segment, position: int, now_s: float) -> bool:
        """The fifth check. Whether the rest of the segment counts."""
        sender = self.sender
        acked = _near(segment.ack - self._iss, sender.una)
        is_opening = self.state is State.SYN_RECEIVED
        if is_opening:
            if not 1 <= acked <= sender.sent:
                self.ignored += 1
                self._answers.append(Segment(Flag.RST, segment.ack, 0, 0))
                return False
        elif not sender.may_acknowledge(acked):
            self._challenge()
            return False
        is_duplicate = acked == sender.una < sender.sent and not segment.data and not segment.flags & Flag.FIN
        if acked > sender.una:
            sender.acknowledge(acked, now_s)
        elif is_duplicate and not sender.changes_window(acked, segment.window):  # RFC 5681, 2
            sender.duplicate()
        elif acked == sender.una and not self._closed:
            sender.answered()
        if is_opening:
            self._move(Happening.SYN_ACKED)
            self._events.append(Connected())
        if acked >= sender.una and self._window_from <= (position, acked):
            self._window_from = (position, acked)
            sender.set_window(acked, segment.window)
        if sender.fin_is_acknowledged and self.state in _OUR_FIN_IS_OUT:
            self._move(Happening.FIN_ACKED, now_s)
        return True

    def _receive_text(self, position: int, data: bytes, fin: bool, now_s: float) -> None:
        """The seventh and eighth."""
        receiver = self.receiver
        if receiver.finished:
            self._acknowledge = True
            return
        before, had_gap = receiver.nxt, receiver.has_gap
        is_the_end = receiver.receive(position, data, fin)
        if self._closed and receiver.held_bytes:  # rule 4
            self.abort()
            return
        if is_the_end:
            self._move(Happening.FIN_RECEIVED, now_s)
        self._tell()
        self._acknowledge_text(had_gap or receiver.nxt == before, is_the_end, len(data), now_s)

    def _acknowledge_text(self, by_itself: bool, is_the_end: bool, size: int, now_s: float) -> None:
        """Rule 6."""
        if by_itself or self._acks.arrived(size, now_s, self.sender.rto_s):
            self._answers.append(self._segment(_JUST_ACK, self.sender.sent))
        elif is_the_end:
            self._acknowledge = True

    def _tell(self) -> None:
        """Give the application what it may have."""
        if data := self.receiver.read():
            self._events.append(DataReceived(data))
        receiver = self.receiver
        if receiver.finished and receiver.reading and not self._eof_told:
            self._eof_told = True
            self._events.append(EofReceived())

    # Moving on

    def _begin(self, happening: Happening) -> None:
        if self._used:
            raise UsageError("a connection is opened once")
        self._used = True
        self._move(happening)

    def _learn_irs(self, segment: Segment) -> None:
        self._irs = segment.seq
        self._knows_irs = True

    def _move(self, happening: Happening, now_s: float = 0.0) -> None:
        state = TRANSITIONS[self.state, happening]
        if state is State.CLOSED:
            self._end()
            return
        self.state = state
        if state is State.TIME_WAIT:
            self._linger_s = now_s + self.settings.time_wait_s
        elif state is State.FIN_WAIT_2 and self._closed:
            self._linger_s = now_s + FIN_WAIT_2_S

    def _end(self) -> None:
        if self.state is not State.CLOSED:
            self.state = State.CLOSED
            self._events.append(ConnectionClosed())
        self.sender.stop()
        self._linger_s = None
        self._acknowledge = False
        self._acks.sent()


def _near(offset: int, near: int) -> int:
    """The position that is *offset* modulo 2**32 and nearest to *near*."""
    return near + (offset - near + MODULUS // 2) % MODULUS - MODULUS // 2
