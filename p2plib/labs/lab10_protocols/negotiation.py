"""Lab 10, task 5: agree on a protocol. The reference, wrong ways, and answers that must be refused.

multistream-select 1.0 from the side that opens (`p2plib.protocol.multistream`): every message is a line with
its line feed, in a frame.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from p2plib.errors import NoCommonProtocol, RemoteError
from p2plib.labs.engine.tasks import Case, Mistake, Task, Wrong
from p2plib.labs.engine.words import describe
from p2plib.labs.lab10_protocols.frames import Frames, framed
from p2plib.protocol.multistream import HEADER, Proposer, Responder

MakeNegotiation = Callable[[Sequence[str]], Any]  # a reader's class


class Negotiation:
    """The library's Proposer under the lab's names.

    Args:
        names: what we can speak, the dearest first.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._machine = Proposer(names)

    @property
    def chosen(self) -> str | None:
        """What was agreed on; None before."""
        return self._machine.protocol

    def begin(self) -> bytes:
        """What is sent first."""
        return self._machine.to_send()

    def answer(self, line: bytes) -> bytes:
        """What is sent next, b"" if nothing is, when a message has come."""
        raw = framed(line)
        while raw:
            size = self._machine.need_bytes or len(raw)
            self._machine.receive(raw[:size])
            raw = raw[size:]
        return self._machine.to_send()


_HEADER_FIRST = "the first line that comes is the other side's header, not yet an answer"
TWO = ("/chat/2.0.0", "/chat/1.10.0")


def talks(how: str, hint: str, lines: Sequence[bytes], sent: Sequence[bytes], chosen: str | None) -> Case:
    """A probe: these answers lead to these messages and this choice."""

    def probe(yours: MakeNegotiation) -> None:
        negotiation = yours(list(TWO))
        got = negotiation.begin()
        if got != (want := framed(f"{HEADER}\n".encode(), f"{TWO[0]}\n".encode())):
            raise Wrong(f"begin() gave {describe(got)}, expected {describe(want)}")
        for number, (line, want) in enumerate(zip(lines, sent, strict=True), 1):
            try:
                got = negotiation.answer(line)
            except RemoteError as error:
                what = f"{how}: answer {number}, {describe(line)}, made it raise {type(error).__name__}"
                raise Wrong(what, hint or (_HEADER_FIRST if number == 1 else "")) from None
            if got is None:
                raise Wrong(
                    f"{how}: to answer {number} it gave None", "return b'' if there is nothing to send"
                )
            if got != want:
                what = f"{how}: to answer {number}, {describe(line)}, it sent {describe(got)}"
                raise Wrong(f"{what}, expected {describe(want)}", hint)
        if (is_now := negotiation.chosen) != chosen:
            raise Wrong(f"{how}: chosen is {describe(is_now)}, expected {describe(chosen)}", hint)

    return probe


def refuses(what: str, hint: str, *lines: bytes, kind: type[Exception] = RemoteError) -> Case:
    """A probe: of these answers the last is refused, by an error of a kind, and the ones before are not."""

    def probe(yours: MakeNegotiation) -> None:
        negotiation = yours(list(TWO))
        negotiation.begin()
        for line in lines[:-1]:
            negotiation.answer(line)
        try:
            got = negotiation.answer(lines[-1])
        except NotImplementedError:
            raise
        except (kind, ValueError) as error:
            if kind is NoCommonProtocol and not isinstance(error, kind):
                raise Wrong(f"{what}: it raised {type(error).__name__}", "raise NoCommonProtocol") from None
            if negotiation.chosen is None:
                return
            raise Wrong(f"{what}: it refused, but chose {negotiation.chosen} all the same", hint) from None
        except Exception as error:
            raise Wrong(
                f"{what}: it ended in {type(error).__name__}", f"raise {kind.__name__}: {hint}"
            ) from None
        raise Wrong(f"{what}: it sent {describe(got)}, and chosen is {describe(negotiation.chosen)}", hint)

    return probe


def meets(names: Sequence[str], supported: Sequence[str]) -> Case:
    """A probe: it comes to the same as the library's, with the library's other side at the other end.

    Args:
        names: what is proposed.
        supported: what the other side speaks.
    """

    def probe(yours: MakeNegotiation) -> None:
        where = f"with a peer that speaks {', '.join(supported)}"
        want = next((name for name in names if name in supported), None)
        negotiation, other, frames = yours(list(names)), Responder(supported), Frames(1024)
        try:
            _converse(negotiation, other, frames)
        except (RemoteError, ValueError) as error:
            if want is None and isinstance(error, NoCommonProtocol):
                return
            raise Wrong(f"{where} it raised {type(error).__name__}", _NEXT) from None
        if negotiation.chosen != want:
            raise Wrong(f"{where} it chose {describe(negotiation.chosen)}, expected {describe(want)}", _NEXT)

    return probe


_NEXT = "after each na the next name is proposed, until one is taken or none is left"


def _converse(negotiation: Any, other: Responder, frames: Frames) -> None:
    raw = negotiation.begin()
    for _ in range(100):
        while raw and not other.is_finished:
            size = other.need_bytes
            other.receive(raw[:size])
            raw = raw[size:]
        frames.receive(other.to_send())
        while (line := frames.next_frame()) is not None:
            raw += negotiation.answer(line)
        if not raw:
            return


class _Talk:
    """A whole one, of which the wrong ones change a part."""

    feed = b"\n"

    def __init__(self, names: Sequence[str]) -> None:
        self.names, self.chosen, self.has_header = list(names), None, False

    chosen: str | None

    def begin(self) -> bytes:
        return framed(HEADER.encode() + self.feed, self.names[0].encode() + self.feed)

    def answer(self, line: bytes) -> bytes:
        if not self.has_header:
            self.has_header = True
            return b""
        if line == b"na\n":
            self.names.pop(0)
            return framed(self.names[0].encode() + self.feed)
        self.chosen = line.decode().strip()
        return b""


class _NoFeed(_Talk):
    feed = b""


class _NoHeader(_Talk):
    def begin(self) -> bytes:
        return framed(self.names[0].encode() + b"\n")


class _All(_Talk):
    def begin(self) -> bytes:
        return framed(*(name.encode() + b"\n" for name in [HEADER, *self.names]))


class _Unframed(_Talk):
    def begin(self) -> bytes:
        return f"{HEADER}\n{self.names[0]}\n".encode()


class _HeaderChosen(_Talk):
    def answer(self, line: bytes) -> bytes:
        self.has_header = True
        return super().answer(line)


class _HeaderAlone(_Talk):
    def begin(self) -> bytes:
        return framed(HEADER.encode() + b"\n")


class _OneFrame(_Talk):
    def begin(self) -> bytes:
        return framed(f"{HEADER}\n{self.names[0]}\n".encode())


class _LineChosen(_Talk):
    def answer(self, line: bytes) -> bytes:
        sent = super().answer(line)
        self.chosen = self.chosen and line.decode()
        return sent


class _SameAgain(_Talk):
    def answer(self, line: bytes) -> bytes:
        if line == b"na\n":
            self.names = [self.names[0], *self.names]
        return super().answer(line)


class _HeaderAgain(_Talk):
    def answer(self, line: bytes) -> bytes:
        was = self.has_header
        sent = super().answer(line)
        return framed(HEADER.encode() + b"\n", self.names[0].encode() + b"\n") if was and sent else sent


NAMES = [f"/letters/{number}.0.0" for number in range(9, 0, -1)]
HEAD = HEADER.encode() + b"\n"
SECOND = framed(TWO[1].encode() + b"\n")
_LINE = "compare the whole line with what you sent, line feed and all; refuse anything that differs by a byte"
NEGOTIATION = Task(
    "Negotiation",
    Negotiation,
    cases=[
        talks("nothing said yet", "chosen begins as None", [], [], None),
        talks("only a header came", "", [HEAD], [b""], None),
        talks("the first is taken", "", [HEAD, b"/chat/2.0.0\n"], [b"", b""], TWO[0]),
        talks(
            "'na' to the first",
            "",
            [HEAD, b"na\n", b"/chat/1.10.0\n"],
            [b"", SECOND, b""],
            TWO[1],
        ),
        meets(NAMES, NAMES[-2:]),
        refuses("'na' to both", "nothing is left to propose", HEAD, b"na\n", b"na\n", kind=NoCommonProtocol),
        refuses("an answer before the header", "the first line is the header", b"/chat/2.0.0\n"),
        refuses("the header of another protocol", "the first line is the header", b"/http/1.1\n"),
        refuses(
            "a different version from the one proposed",
            "the other side does not choose for you: only the name just proposed is a yes",
            HEAD,
            b"/chat/1.10.0\n",
        ),
        refuses("garbage", "neither the name nor na: raise DecodeError", HEAD, b"\xff\xfe\n"),
        refuses("a name without its line feed", _LINE, HEAD, b"/chat/2.0.0"),
        refuses("a name with a space after it", _LINE, HEAD, b"/chat/2.0.0 \n"),
        refuses("'NA'", _LINE, HEAD, b"NA\n"),
    ],
    mistakes=[
        Mistake(_NoFeed, "every message ends with a line feed, inside its frame"),
        Mistake(_NoHeader, "the header goes first, in a frame of its own"),
        Mistake(_All, "one proposal at a time: the next one only when na has come"),
        Mistake(_Unframed, "each line goes into a frame: its size comes first"),
        Mistake(_HeaderChosen, _HEADER_FIRST),
        Mistake(_HeaderAlone, "the first proposal goes out with the header, without waiting for theirs"),
        Mistake(_OneFrame, "header and proposal are two frames, each with a size of its own"),
        Mistake(_LineChosen, "chosen is the name without its line feed"),
        Mistake(_SameAgain, "after na the next name is proposed, not the same again"),
        Mistake(_HeaderAgain, "the header is sent once, in begin()"),
    ],
    hint="header, then yes, na or garbage: there are three answers and no fourth",
)
