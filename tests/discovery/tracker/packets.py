"""The packets of BEP 15, typed in field by field from its tables, for tests that must not trust our codec."""

from __future__ import annotations

INFO_HASH = bytes.fromhex("c3a9 80ff 0102030405060708090a0b0c0d0e0f10")  # with bytes above 0x7f on purpose
PEER_ID = b"-P20001-\x80\x81\xfe\xff12345678"
CONNECTION_ID = bytes.fromhex("a1b2c3d4e5f60718")

CONNECT = bytes.fromhex(
    "00000417 27101980"  # protocol_id, 0x41727101980
    "00000000"  # action: connect
    "cafe0001"  # transaction_id
)
CONNECTED = bytes.fromhex("00000000 cafe0001") + CONNECTION_ID
ANNOUNCE = b"".join(
    (
        CONNECTION_ID,
        bytes.fromhex("00000001 cafe0002"),  # action: announce; transaction_id
        INFO_HASH,
        PEER_ID,
        bytes.fromhex("0000000000000001"),  # downloaded
        bytes.fromhex("0000000000000002"),  # left
        bytes.fromhex("0000000000000003"),  # uploaded
        bytes.fromhex("00000002"),  # event: started
        bytes.fromhex("00000000"),  # IP address
        bytes.fromhex("deadbeef"),  # key
        bytes.fromhex("ffffffff"),  # num_want: -1
        bytes.fromhex("1ae1"),  # port 6881
    )
)
ANNOUNCED = bytes.fromhex(
    "00000001 cafe0002"
    "00000708"  # interval: 1800
    "00000002 00000001"  # leechers, seeders
    "c0000207 1ae1 c6336401 1ae2"
)
SCRAPE = CONNECTION_ID + bytes.fromhex("00000002 cafe0003") + INFO_HASH + bytes(20)
SCRAPED = bytes.fromhex(
    "00000002 cafe0003"
    "00000001 00000005 00000002"  # seeders, completed, leechers
    "00000000 00000000 00000000"
)
ERROR = bytes.fromhex("00000003 cafe0002") + b"no"
