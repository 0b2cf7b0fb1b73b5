"""The log: typed in, torn at every byte, flipped at every bit, and read back in any disorder."""

from __future__ import annotations

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.data.stores.log_structured.wal import (
    HEADER_BYTES,
    LogRecord,
    dissect_record,
    encode_record,
    read_log,
)
from p2plib.errors import StoreCorrupt


def written(*payloads: bytes, durable: bool = True) -> bytes:
    """A log whose records were synced one by one, or not at all."""
    raw = b""
    for number, payload in enumerate(payloads, 1):
        raw += encode_record(LogRecord(number, len(raw) if durable else 0, payload))
    return raw


PAYLOADS = [b"first", b"", b"third" * 10]
LOG = written(*PAYLOADS)
ENDS = [len(written(*PAYLOADS[:count])) for count in range(4)]


def test_typed_in() -> None:
    raw = encode_record(LogRecord(1, 0, b"hi"))
    body = bytes.fromhex("02000000 0100000000000000 0000000000000000 6869")
    assert raw == zlib.crc32(body).to_bytes(4, "little") + body
    assert read_log(raw, "log").records == [LogRecord(1, 0, b"hi")]
    assert [field.name for field in dissect_record(raw + b"more")] == [
        "checksum",
        "size",
        "number",
        "synced",
        "payload",
    ]
    with pytest.raises(StoreCorrupt):
        dissect_record(raw[:-1])


@pytest.mark.fault("F121")
def test_torn_at_every_byte() -> None:
    for size in range(len(LOG) + 1):
        found = read_log(LOG[:size], "log")
        count = sum(end <= size for end in ENDS) - 1
        assert [record.payload for record in found.records] == PAYLOADS[:count]
        assert (found.size, found.cut_bytes) == (ENDS[count], size - ENDS[count])


@pytest.mark.fault("F121")
def test_a_flipped_bit_anywhere_before_the_last_record_is_corruption() -> None:
    for bit in range(len(LOG) * 8):
        data = bytearray(LOG)
        data[bit // 8] ^= 1 << bit % 8
        if bit // 8 < ENDS[2]:
            with pytest.raises(StoreCorrupt) as caught:
                read_log(bytes(data), "log")
            assert caught.value.offset == max(end for end in ENDS if end <= bit // 8)
        else:  # no later record tells that the last one was synced: it is cut, and told
            found = read_log(bytes(data), "log")
            assert ([r.payload for r in found.records], found.cut_bytes) == (PAYLOADS[:2], ENDS[3] - ENDS[2])


@pytest.mark.fault("F121")
def test_what_was_never_synced_may_be_there_in_any_disorder() -> None:
    """A whole record after a damaged one, and neither was promised: no corruption, nothing after the gap."""
    log = written(*PAYLOADS, durable=False)
    for hole in range(ENDS[1], ENDS[2]):
        data = bytearray(log)
        data[hole] ^= 0xFF
        found = read_log(bytes(data), "log")
        assert (len(found.records), found.cut_bytes) == (1, ENDS[3] - ENDS[1])


def test_zeros_and_garbage_after_the_end_are_cut() -> None:
    for tail in (b"\0", bytes(5000), b"\xff" * 100, LOG[: ENDS[1]]):
        found = read_log(LOG + tail, "log")
        assert (len(found.records), found.cut_bytes) == (3, len(tail))


def test_a_record_that_promises_the_future() -> None:
    with pytest.raises(StoreCorrupt, match="after it"):
        read_log(encode_record(LogRecord(1, 1, b"x")), "log")


def test_a_size_that_is_a_lie_costs_nothing() -> None:
    header = (0xFFFFFFFF).to_bytes(4, "little") * 2 + (1).to_bytes(8, "little") + bytes(8)
    assert read_log(header, "log").cut_bytes == HEADER_BYTES


@given(
    st.lists(st.binary(max_size=40), max_size=5), st.binary(max_size=80), st.integers(0, 300), st.booleans()
)
def test_never_a_record_that_was_not_written(
    payloads: list[bytes], noise: bytes, place: int, durable: bool
) -> None:
    log = bytearray(written(*payloads, durable=durable))
    log[place : place + len(noise)] = noise
    try:
        found = read_log(bytes(log), "log")
    except StoreCorrupt:
        assert durable
        return
    assert [record.payload for record in found.records] == payloads[: len(found.records)]
    assert found.size + found.cut_bytes == len(log)


def test_zeros_in_payloads_do_not_hide_what_follows() -> None:
    log = bytearray(written(bytes(300), bytes(300), b"x", bytes(40)))
    log[330] ^= 1
    with pytest.raises(StoreCorrupt, match=r"record 2 of the log is damaged.*record 3"):
        read_log(bytes(log), "log")
