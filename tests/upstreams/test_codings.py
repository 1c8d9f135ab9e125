"""Content codings undone piece by piece, however they are cut, and no further than asked for at a time."""

from __future__ import annotations

import gzip
import itertools
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.upstreams.codings import PIECE_BYTES, CodingError, undoing


def bare(data: bytes) -> bytes:
    """What some hosts send as ``deflate``: without the frame that the word asks for."""
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


ENCODED: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "deflate": zlib.compress,
    "Deflate": bare,
}


def undone(codings: list[str], pieces: list[bytes]) -> bytes:
    coding = undoing(codings)
    assert coding is not None
    whole = b"".join(itertools.chain.from_iterable(coding.feed(piece) for piece in pieces))
    coding.close()
    return whole


@given(data=st.binary(max_size=2000), size=st.integers(1, 50), name=st.sampled_from(sorted(ENCODED)))
def test_any_cut_gives_the_same(data: bytes, size: int, name: str) -> None:
    encoded = ENCODED[name](data)
    pieces = [encoded[start : start + size] for start in range(0, len(encoded), size)]
    assert undone([name], pieces) == data


def test_codings_are_undone_from_the_last() -> None:
    encoded = gzip.compress(zlib.compress(b"x" * 5000))
    for said in (["deflate, gzip"], ["deflate", "identity, gzip"]):
        assert undone(said, [encoded[:40], encoded[40:]]) == b"x" * 5000


@pytest.mark.parametrize("name", ["gzip", "deflate"])
def test_a_small_body_that_stands_for_a_large_one_comes_in_pieces(name: str) -> None:
    """Whoever reads it can stop: the limit on an answer holds for what it says, not for what was sent."""
    coding = undoing([name])
    assert coding is not None
    sizes = [len(piece) for piece in coding.feed(ENCODED[name](bytes(10 * PIECE_BYTES + 7)))]
    assert sum(sizes) == 10 * PIECE_BYTES + 7
    assert max(sizes) == PIECE_BYTES
    coding.close()


def test_padding_behind_the_end_is_ignored() -> None:
    assert undone(["gzip"], [gzip.compress(b"{}") + bytes(512)]) == b"{}"


@pytest.mark.parametrize("encoded", [gzip.compress(b"{}" * 100)[:-20], gzip.compress(b"{}")[:11]])
def test_what_ends_too_early_is_not_whole(encoded: bytes) -> None:
    with pytest.raises(CodingError):
        undone(["gzip"], [encoded])


@pytest.mark.parametrize("data", [b"{}", b"\x1f\x8bxx", b"\x78\x9c\xff\xff"])
@pytest.mark.parametrize("name", ["gzip", "deflate"])
def test_what_is_not_encoded_so_is_refused(name: str, data: bytes) -> None:
    with pytest.raises(CodingError):
        undone([name], [data])


@pytest.mark.parametrize("said", [["br"], ["gzip, zstd"], ["nonsense"]])
def test_what_nobody_asked_for_is_refused_before_it_is_read(said: list[str]) -> None:
    with pytest.raises(CodingError):
        undoing(said)


@pytest.mark.parametrize("said", [[], [""], ["identity"], ["identity, identity"]])
def test_nothing_is_to_be_undone_where_nothing_was_done(said: list[str]) -> None:
    assert undoing(said) is None
