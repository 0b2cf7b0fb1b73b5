"""The JSON of WebTorrent's trackers: messages as npm's client and server write them, and what is refused."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.discovery.tracker import offers as wire
from p2plib.discovery.tracker.announce import Counts, Event
from p2plib.errors import DecodeError
from tests.discovery.tracker.packets import INFO_HASH

H = INFO_HASH.decode("latin-1")
A, B, O = "-PY0001-00000000000A", "-PY0001-00000000000B", "o" * 20
ANNOUNCE: dict[str, Any] = {
    "action": "announce", "info_hash": H, "peer_id": A, "numwant": 1, "uploaded": 0, "downloaded": 0,
    "left": 10, "event": "started", "offers": [{"offer": {"type": "offer", "sdp": "SDP1"}, "offer_id": O}],
}  # fmt: skip
TO_H = {"action": "announce", "info_hash": H}
ANSWER: dict[str, Any] = {
    "action": "announce", "info_hash": H, "peer_id": B, "to_peer_id": A, "offer_id": O,
    "answer": {"type": "answer", "sdp": "SDP2"},
}  # fmt: skip


def test_what_a_peer_sends() -> None:
    announce = wire.OffersAnnounce(
        INFO_HASH, A.encode(), (wire.Offer(O.encode(), "SDP1"),), left=10, event=Event.STARTED
    )
    assert wire.decode_from_peer(json.dumps(ANNOUNCE)) == announce
    assert json.loads(wire.encode(announce)) == ANNOUNCE
    answer = wire.AnswerCarried(INFO_HASH, B.encode(), O.encode(), "SDP2", A.encode())
    assert wire.decode_from_peer(json.dumps(ANSWER, ensure_ascii=False)) == answer
    assert json.loads(wire.encode(answer)) == ANSWER
    for hashes in (H, [H]):
        text = json.dumps({"action": "scrape", "info_hash": hashes})
        assert wire.decode_from_peer(text) == wire.OffersScrape((INFO_HASH,))


def test_what_a_tracker_sends() -> None:
    messages: list[tuple[dict[str, Any], Any]] = [
        ({"complete": 1, "incomplete": 2, "action": "announce", "interval": 120, "info_hash": H},
         wire.OffersAnnounced(INFO_HASH, 120, 1, 2)),
        ({**TO_H, "offer": {"type": "offer", "sdp": "S"}, "offer_id": O, "peer_id": A},
         wire.OfferCarried(INFO_HASH, A.encode(), wire.Offer(O.encode(), "S"))),
        ({**TO_H, "answer": {"type": "answer", "sdp": "S"}, "offer_id": O, "peer_id": B},
         wire.AnswerCarried(INFO_HASH, B.encode(), O.encode(), "S")),
        ({"action": "scrape", "files": {H: {"complete": 1, "incomplete": 2, "downloaded": 3}}},
         wire.OffersScraped({INFO_HASH: Counts(1, 3, 2)})),
        ({"failure reason": "no", "action": "announce", "info_hash": H}, wire.OffersFailure("no", INFO_HASH)),
        ({"failure reason": "no"}, wire.OffersFailure("no")),
    ]  # fmt: skip
    for members, message in messages:
        assert wire.decode_from_tracker(json.dumps(members)) == message
        assert json.loads(wire.encode(message)) == members


def changed(message: dict[str, Any], **changes: Any) -> str:
    return json.dumps({name: value for name, value in {**message, **changes}.items() if value is not ...})


@pytest.mark.fault("F022")
@pytest.mark.parametrize(
    "text",
    ["", "null", "[]", "7", "{", '{"action":"dance"}', '{"action":["announce"]}', "[" * 100_000,
     '{"action":' + "[" * 100_000, '{"left":' + "9" * 100_000 + "}", '{"a":NaN}',
     "x" * 200_000, changed(ANNOUNCE, info_hash="abc"), changed(ANNOUNCE, info_hash=...),
     changed(ANNOUNCE, info_hash="\u0100" * 20), changed(ANNOUNCE, peer_id=7),
     changed(ANNOUNCE, event="begun"),
     changed(ANNOUNCE, event=["started"]), changed(ANNOUNCE, offers={"a": 1}), changed(ANNOUNCE, offers=[7]),
     changed(ANNOUNCE, offers=ANNOUNCE["offers"] * 11), changed(ANNOUNCE, offers=[{"offer_id": O}]),
     changed(ANNOUNCE, offers=[{"offer_id": O, "offer": {"sdp": 1}}]),
     changed(ANNOUNCE, offers=[{"offer_id": O, "offer": {"sdp": "x" * 16_385}}]),
     changed(ANSWER, to_peer_id=...), changed(ANSWER, offer_id="o"), changed(ANSWER, answer="x"),
     '{"action":"scrape"}', json.dumps({"action": "scrape", "info_hash": [H] * 75})],
    ids=lambda text: text[:40],
)  # fmt: skip
def test_what_a_peer_may_not_send(text: str) -> None:
    with pytest.raises(DecodeError):
        wire.decode_from_peer(text)


@pytest.mark.parametrize(
    "members",
    [{"failure reason": 7}, {"action": "scrape"}, {"action": "scrape", "files": {"x": {}}},
     {"action": "scrape", "files": {H: 7}}, {"action": "scrape", "files": {H: {"complete": -1}}},
     {"info_hash": H, "interval": "soon"}, {"info_hash": H, "interval": True}, {"info_hash": H, "offer": {}},
     {"info_hash": H, "interval": 1e300}, {"info_hash": H, "answer": {"sdp": "x"}}, {}],
    ids=str,
)  # fmt: skip
def test_what_a_tracker_may_not_send(members: dict[str, Any]) -> None:
    with pytest.raises(DecodeError):
        wire.decode_from_tracker(json.dumps(members))


@pytest.mark.parametrize("left", [..., None, -1, "7", 1.5, 2**70, True])
def test_a_peer_that_does_not_know_what_is_left_lacks_something(left: object) -> None:
    message = wire.decode_from_peer(changed(ANNOUNCE, left=left, event=..., offers=...))
    assert message == wire.OffersAnnounce(INFO_HASH, A.encode(), (), 2**63 - 1, Event.UPDATE)


def test_a_lone_surrogate_does_not_break_what_is_sent_on() -> None:
    message = wire.decode_from_peer(changed(ANSWER, answer={"type": "answer", "sdp": "\ud800"}))
    assert wire.encode(message).isascii()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(list({**ANNOUNCE, **ANSWER})), inner)
    ),
    max_leaves=10,
)


@given(JSON, st.sampled_from([ANNOUNCE, ANSWER]))
def test_whatever_arrives_is_understood_or_refused(value: Any, known: dict[str, Any]) -> None:
    changes = value if isinstance(value, dict) else {"offers": value}
    for message in (value, {**known, **changes}):
        for decode in (wire.decode_from_peer, wire.decode_from_tracker):
            with contextlib.suppress(DecodeError):
                wire.encode(decode(json.dumps(message)))
