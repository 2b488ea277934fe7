"""For all tests: hypothesis does not time them, for a busy machine is no bug, and no log line has a credential."""

import re
from collections.abc import Callable, Iterable, Iterator

import pytest
from hypothesis import settings

CREDENTIALS = re.compile(
    r"demo-[a-z]+[0-9]"  # tokens of the reference application
    r"|eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}"  # JSON web tokens
    r"|(?:Bearer|DPoP|Basic) +(?!\[redacted\])[A-Za-z0-9+/=._~-]{8,}"
    r"|SECRET[a-z]"  # what tests use for a credential
)
"""Written apart from the product's own rules, so that a gap in those shows."""

settings.register_profile("bff", deadline=None)
settings.load_profile("bff")


@pytest.fixture(scope="session")
def search_log() -> Iterator[Callable[[Iterable[str]], None]]:
    """Return what searches lines of a process's log for credentials; found ones fail the session's last test."""
    leaks: list[str] = []

    def search(lines: Iterable[str]) -> None:
        leaks.extend(line for line in lines if CREDENTIALS.search(line))

    yield search
    assert leaks == []
