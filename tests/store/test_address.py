"""One URL says where Redis is, and its password is never shown."""

import pytest

from bff.store.address import Address, AddressError


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("redis://h", Address("single", (("h", 6379),))),
        ("rediss://u:p%40@h:1/2", Address("single", (("h", 1),), tls=True, db=2, username="u", password="p@")),
        ("redis://:p@[::1]:7", Address("single", (("::1", 7),), password="p")),
        ("redis+sentinel://a,b:2/main/3", Address("sentinel", (("a", 26379), ("b", 2)), service="main", db=3)),
        ("rediss+cluster://a:1,b:2", Address("cluster", (("a", 1), ("b", 2)), tls=True)),
    ],
)
def test_each_form_is_understood(url, address):
    assert Address.parse(url) == address


@pytest.mark.parametrize(
    "url", ["", "http://h", "redis", "redis+x://h", "redis://", "redis://h:x", "redis://h/x", "redis+sentinel://h"]
)
def test_anything_else_is_refused(url):
    with pytest.raises(AddressError):
        Address.parse(url)


def test_a_password_is_not_shown():
    assert "secret" not in repr(Address.parse("redis://user:secret@h/1"))
