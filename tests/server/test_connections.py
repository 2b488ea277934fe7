"""Clients get a share of the files that a process may have open; the rest is for its own calls (fault 36)."""

import resource

from hypothesis import given
from hypothesis import strategies as st

from bff.server.connections import FULL, most_connections, raise_file_limit


@given(st.integers(min_value=64, max_value=1_048_576))
def test_there_is_always_room_for_calls_of_our_own(files):
    assert most_connections(files) >= 4
    assert files - most_connections(files) >= 32


def test_the_limit_is_raised_as_far_as_the_system_allows():
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        assert raise_file_limit() == resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[1] == hard
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_whoever_is_refused_hears_a_whole_answer():
    head, _, body = FULL.partition(b"\r\n\r\n")

    assert head.startswith(b"HTTP/1.1 503 ")
    assert b"content-length: %d" % len(body) in head
