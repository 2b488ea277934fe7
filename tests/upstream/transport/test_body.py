"""Compressed bodies come out whole, and never larger than allowed."""

import gzip
import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bff.upstream.errors import UpstreamError
from bff.upstream.outcome import Outcome
from bff.upstream.transport.body import decoder_for


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


CODINGS = {"gzip": gzip.compress, "x-gzip": gzip.compress, "deflate": zlib.compress}


def decode(coding: str, pieces: list[bytes], cap: int = 10_000) -> bytes:
    decoder = decoder_for(coding, cap)
    body = b"".join(decoder.feed(piece) for piece in pieces)
    decoder.finish()
    return body


@given(data=st.data(), body=st.binary(max_size=5000), coding=st.sampled_from(sorted(CODINGS)))
def test_any_cut_of_a_compressed_body_gives_the_body(data, body, coding):
    packed = CODINGS[coding](body)
    place = data.draw(st.integers(0, len(packed)))

    assert decode(coding, [packed[:place], packed[place:]]) == body


@given(bodies=st.lists(st.binary(max_size=100), min_size=1, max_size=4))
def test_members_of_a_gzip_body_are_joined(bodies):
    """RFC 1952, section 2.2: logs are served like this."""
    assert decode("gzip", [b"".join(map(gzip.compress, bodies))]) == b"".join(bodies)


def test_deflate_without_a_zlib_header_is_understood():
    assert decode("deflate", [raw_deflate(b"hello")]) == b"hello"


@pytest.mark.parametrize("coding", ["", "identity", " Identity ", "br"])
def test_a_body_that_is_plain_or_cannot_be_undone_stays_as_it_is(coding):
    """What reads the payload refuses a coding that was not asked for; another attempt would bring the same."""
    assert decoder_for(coding, 1) is None


@pytest.mark.parametrize("cut", range(1, len(gzip.compress(b"hello"))))
def test_a_gzip_body_cut_anywhere_is_broken(cut):
    with pytest.raises(UpstreamError) as caught:
        decode("gzip", [gzip.compress(b"hello")[:-cut]] if cut < len(gzip.compress(b"hello")) else [])

    assert caught.value.outcome is Outcome.BODY_BROKEN


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_bytes_after_a_compressed_body_are_an_error(coding):
    with pytest.raises(UpstreamError) as caught:
        decode(coding, [CODINGS[coding](b"hello") + b"rubbish"])

    assert caught.value.outcome is Outcome.BODY_BROKEN


@pytest.mark.parametrize("size", [10_000, 10_001])
def test_the_limit_counts_decoded_bytes_exactly(size):
    packed = [gzip.compress(bytes(size))]

    if size <= 10_000:
        assert len(decode("gzip", packed)) == size
    else:
        with pytest.raises(UpstreamError) as caught:
            decode("gzip", packed)
        assert caught.value.outcome is Outcome.TOO_LARGE


def test_a_bomb_takes_no_more_memory_than_the_limit():
    """200 MiB from 200 KiB; the popular clients inflate it whole (fault 15)."""
    packer = zlib.compressobj(9, wbits=31)
    bomb = b"".join(packer.compress(bytes(1024**2)) for _ in range(200)) + packer.flush()
    cap = 1024**2
    decoder = decoder_for("gzip", cap)

    tracemalloc.start()
    try:
        with pytest.raises(UpstreamError):
            decoder.feed(bomb)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert peak < 4 * cap
