"""What is read from a shared store is ours and whole, or as good as absent."""

import zlib
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bff.upstream.cache.entry import Entry, VarySpec
from bff.upstream.cache.envelope import Unreadable, decode, encode

MOST = 1024 * 1024


def entry(body=b"{}"):
    return Entry(200, {"etag": '"1"'}, body, born=90.0, made=95.0, ttl=60.0, sie=5.0, tags={"a": 3}, key="k")


def test_an_entry_keeps_its_age_in_another_process():
    """CA-20: monotonic clocks differ between machines, ages do not."""
    kept = decode(encode(entry(), 100.0, 1000.0), 7.0, 1004.0, most=MOST, key="k")

    assert (7.0 - kept.born, 7.0 - kept.made) == (14.0, 9.0)
    assert (kept.ttl, kept.sie, kept.tags, kept.body) == (60.0, 5.0, {"a": 3}, b"{}")


def test_a_clock_that_went_back_makes_nothing_younger():
    """Fault 26."""
    kept = decode(encode(entry(), 100.0, 1000.0), 7.0, 1000.0 - 3600, most=MOST)

    assert 7.0 - kept.born == 10.0


def test_large_entries_are_compressed():
    """CA-11."""
    data = encode(entry(b"a" * 100_000), 100.0, 1000.0)

    assert len(data) < 10_000
    assert decode(data, 100.0, 1000.0, most=MOST).body == b"a" * 100_000


def test_what_unpacks_to_more_than_an_entry_is_not_unpacked():
    with pytest.raises(Unreadable):
        decode(b"bff1z" + zlib.compress(b"\0" * 10_000_000, 9), 0.0, 0.0, most=MOST)


def test_a_vary_spec_survives():
    assert decode(encode(VarySpec(("a",), ("k1",)), 0, 0), 0, 0, most=MOST) == VarySpec(("a",), ("k1",))


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(data):
    """CA-20: any decode error is a miss."""
    for head in (b"", b"bff1-", b"bff1z"):
        with pytest.raises(Unreadable):
            decode(head + data + b"\xc1", 0.0, 0.0, most=MOST)


@given(st.data())
def test_a_changed_byte_never_raises_anything_else(data):
    good = bytearray(encode(entry(), 100.0, 1000.0))
    place = data.draw(st.integers(0, len(good) - 1))
    good[place] ^= data.draw(st.integers(1, 255))

    with suppress(Unreadable):
        decode(bytes(good), 100.0, 1000.0, most=MOST)
