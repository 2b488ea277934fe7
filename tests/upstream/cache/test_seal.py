"""What is one user's is unreadable in the store, and only there where it was written (CA-20)."""

import pytest

from bff.policy.caching import StorePolicy
from bff.store.memory import MemoryStore
from bff.testing.virtual_clock import VirtualClock
from bff.upstream.cache.entry import Entry
from bff.upstream.cache.envelope import Unreadable, decode, encode
from bff.upstream.cache.seal import Seal
from bff.upstream.cache.tiers import EntryCache

MOST = 1024 * 1024
BODY = b'{"name": "Alice"}' * 1000


class Key:
    """A secret that may change."""

    def __init__(self, text="long random text"):
        self.text = text

    def value(self):
        return self.text.encode()


class SharedStore(MemoryStore):
    """A store that others see, too."""

    shared = True


def entry(*, private):
    return Entry(200, {}, BODY, born=0.0, made=0.0, ttl=1e9, private=private)


def test_what_is_one_users_is_closed_and_the_rest_is_not():
    seal = Seal(Key())
    mine = encode(entry(private=True), 0.0, 0.0, key="k", seal=seal)
    everybodys = encode(entry(private=False), 0.0, 0.0, key="k", seal=seal)

    assert decode(mine, 0.0, 0.0, most=MOST, key="k", seal=seal).body == BODY
    assert mine[:5] == b"bff1s"
    assert everybodys == encode(entry(private=False), 0.0, 0.0, key="k")


@pytest.mark.parametrize(
    ("key", "seal"),
    [
        pytest.param("other", Seal(Key()), id="moved to another user's key"),
        pytest.param("k", Seal(Key("another")), id="another secret"),
        pytest.param("k", None, id="no secret"),
    ],
)
def test_it_opens_only_where_it_was_written(key, seal):
    data = encode(entry(private=True), 0.0, 0.0, key="k", seal=Seal(Key()))

    with pytest.raises(Unreadable):
        decode(data, 0.0, 0.0, most=MOST, key=key, seal=seal)


@pytest.mark.parametrize("place", [5, 16, 40, -1])
def test_a_changed_byte_is_noticed(place):
    data = bytearray(encode(entry(private=True), 0.0, 0.0, key="k", seal=Seal(Key())))
    data[place] ^= 1

    with pytest.raises(Unreadable):
        decode(bytes(data), 0.0, 0.0, most=MOST, key="k", seal=Seal(Key()))


def test_nothing_of_one_user_is_read_that_was_not_closed():
    """Or whoever can write to the store could leave out the seal."""
    with pytest.raises(Unreadable):
        decode(encode(entry(private=True), 0.0, 0.0), 0.0, 0.0, most=MOST, seal=Seal(Key()))


def test_a_new_secret_makes_what_was_there_absent():
    key = Key()
    seal = Seal(key)
    data = encode(entry(private=True), 0.0, 0.0, key="k", seal=seal)
    key.text = "new"

    with pytest.raises(Unreadable):
        decode(data, 0.0, 0.0, most=MOST, key="k", seal=seal)


async def test_the_store_never_sees_a_users_body():
    clock = VirtualClock()
    store = SharedStore(clock)
    one, other = (EntryCache(store, StorePolicy(), clock=clock, seal=Seal(Key())) for _ in range(2))
    one.keep("k", entry(private=True), headers={})
    await one.written()

    (written,) = (await store.get(["k"])).values()
    found = await other.find(["k"], {})

    assert b"Alice" not in written
    assert found.entry.body == BODY
