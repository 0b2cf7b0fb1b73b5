"""Values with links at random, for the tests of the codecs."""

from __future__ import annotations

from hypothesis import strategies as st

from p2plib.data.dag.block import block_of
from p2plib.wire import multicodec, multihash
from p2plib.wire.cid import Cid

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
INTEGERS = (
    st.integers(-30, 30) | st.sampled_from([23, 24, 255, 256, 65535, 65536, 2**32 - 1, 2**32, 2**64 - 1,
    -24, -25, -256, -257, -65536, -65537, -(2**32), -(2**32) - 1, -(2**64)])
)  # fmt: skip
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
LINKS = (
    st.integers(0, 99).map(lambda number: block_of(b"%d" % number).cid)
    | st.binary(max_size=99).map(lambda data: block_of(data, multicodec.DAG_CBOR).cid)
    | st.binary(max_size=9).map(lambda data: block_of(data, multicodec.DAG_PB, version=0).cid)
    | st.binary(max_size=40).map(lambda data: Cid(1, multicodec.DAG_JSON, multihash.identity(data)))
    | st.binary(max_size=9).map(lambda data: block_of(data, 0x0129, function=multicodec.SHA2_512).cid)
)
SCALARS = st.none() | st.booleans() | INTEGERS | FLOATS | TEXT | st.binary(max_size=40) | LINKS
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(TEXT, inner, max_size=6),
    max_leaves=20,
)
