"""The gear table of FastCDC: 256 random-looking numbers, one for each value of a byte. A codec.

Two peers cut a file at the same places only if they have the same table. The published one is that
of ronomon's deduplication, the variant of FastCDC that the fastcdc package on PyPI follows, and it is made by
a rule::

    keystream   1024 bytes of AES-256-CTR, with a key of 32 zero bytes and a first counter of 16 zero bytes
    GEAR[b]     its bytes 4b to 4b + 3, big-endian, without the highest bit: below 2**31

The numbers are written out because the library's core has no AES; a test computes them from the rule.

A table that everybody knows lets anybody choose where your files are cut. `secret_gear` makes one that only
the holder of a secret can make, at a price: peers without a common secret no longer have chunks in common. It
makes boundaries hard to choose beforehand. It does not hide them from a peer that sees the sizes of your
chunks: Truong and others ("Breaking and Fixing Content-Defined Chunking", 2025), and before them Alexeev and
Zhang, computed the secrets of several backup programs from such sizes, and a hash as simple as this one must
be expected to fall too.
"""

from __future__ import annotations

from hashlib import blake2b

from p2plib.errors import UsageError

TABLE_ENTRIES = 256
ENTRY_BITS = 31
SECRET_BYTES = 32

_PUBLISHED = bytes.fromhex(
    "5c95c078224089892d48a21412842087530f8afb474536b92963b4f144cb738b4ea7403d4d606b6e074ec5d33af39d18"
    "726003ca37a62a7451a2f58e7506358e5d4ab1284d4ae17b41e85924470c36f74741cbe101bb7f30617c1de32b0c3a1f"
    "50c48f7321a82d376095ace0419167a03caf49b040cea62d66bc1c66545e1dad2bfa77cd6e85da245fb0bdc5652cfc29"
    "3a0ae1ab2837e0f36387b70e131760124362c2bb66d8f4b137fce8342c9cd38621144296627268a8650df5372805d579"
    "3b21ebbd7357ed343f58b5837150ddca7362225e620a60702c5ef5297b522466768b78c04b54e51e75fa07e506a35fc6"
    "30b710241c8626e1296ad57828d7be2e1490a05a7cee43bd698b56e309dc01264ed6df6e02c1bfc72a59ad5329c0e434"
    "7d6c5278507940a75ef6ba9368b6af1e46537276611bc766155c587d301ba8472cc9dda70a438e2c0a69d514744c72d3"
    "4f326b9b7ef342864a0ef8a76ae06ebe669c537212402dcb5feae99d76c7f4a76abdb79c0dfaa03820e2282c730ed48b"
    "069dac2f168ecf3e2610e61f2c512c8e15fb8c065e62bc76695551350adb864c4268f914349ab3aa20edfdb251727981"
    "37b4b3d85dd175226b2cbfe45c47cf9f30fa1ccd23dedb5613d1f50a64eddee70820b0f746e073081e2d1dfd17b06c32"
    "250036d8284dbf3468292ee0362ec87c087cb1eb76b46720104130db71966387482dc43f2388ef25524144e144bd834e"
    "448e7da33fa6eaf93cda215c3a500cf3395cb4325195129f43945f8751862ca456ea8ff1201034dc4d328ff57d73a909"
    "6234d37964cfbf9c36f6589a0a2ce98a5fe4d97103bc15c544021d3316c1932b375036141acaf69d3f03b77949e61a03"
    "1f52d7ea1c6ddd5c062218ce07e7a11a1905757a7ce00a5349f44f294bcc70b539feea555242cee83ce56b8500b81672"
    "46beeccc3ca0ad562396cee878547f406b08089b66a56751781e7e461e2cf8563bc13591494a4202520494d72d87459a"
    "757555b642284cc11f47850775c95dff35ff8dd74e4757ed2e11f88c5e1b5048420e6699226b06954d1679b45a22646f"
    "161d1131125c68d91313e32e4aa8572421dc7ec14ffa29fe729683821ca8eef33f3b1c2839c2fb6c6d76493f7a22a62e"
    "789b1c2a16e0cb537deceeeb0dc7e1c65c75bf3d52218333106de4d67dc6442265590ff42c02ec3064a9ac6759cab2e9"
    "4a21d2f30f616e5723b54ee802730aaa2f3c634d7117fc6c01ac6f055a9ed20c158c4e2a42b699f00c7c14b302bd9641"
    "15ad56fc1c722f607da1af9123e0dbcb0e93e12b64b2791d440d2476588ea8dd4665a6587446c4181877a7745626407e"
    "7f63bd4632d2dbd83c790f4a772b72396f8b2826677ff6090dc82c1123ffe3542eac53a616139e090afd0dbc2a4d4237"
    "56a368c7234325e42dce918732e8ea7e"
)


def _table(keystream: bytes) -> tuple[int, ...]:
    below = (1 << ENTRY_BITS) - 1
    return tuple(int.from_bytes(keystream[at : at + 4], "big") & below for at in range(0, len(keystream), 4))


GEAR: tuple[int, ...] = _table(_PUBLISHED)
"""The published table."""


def secret_gear(secret: bytes) -> tuple[int, ...]:
    """A private table: the same secret gives the same table, and another secret an unrelated one.

    Args:
        secret: 32 random bytes.

    Returns:
        256 numbers below 2**31, from keyed BLAKE2b over a counter.

    Raises:
        UsageError: the secret has another length.
    """
    if len(secret) != SECRET_BYTES:
        raise UsageError(f"the secret of a gear table has {SECRET_BYTES} bytes, not {len(secret)}")
    blocks = (
        blake2b(counter.to_bytes(4, "big"), key=secret, person=b"p2plib gear").digest()
        for counter in range(16)
    )
    return _table(b"".join(blocks))


def checked(gear: tuple[int, ...]) -> tuple[int, ...]:
    """The same table.

    Raises:
        UsageError: it does not have 256 entries, or an entry is not from 0 to 2**31 - 1.
    """
    if len(gear) != TABLE_ENTRIES:
        raise UsageError(f"a gear table has {TABLE_ENTRIES} entries, not {len(gear)}")
    if not all(0 <= entry < 1 << ENTRY_BITS for entry in gear):
        raise UsageError(f"an entry of a gear table is from 0 to 2**{ENTRY_BITS} - 1")
    return gear
