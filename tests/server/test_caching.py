"""What clients may keep is the least that any part allows, and nothing of an answer that is not whole."""

import pytest

from bff.execution.messages import Answer
from bff.server.caching import cache_control, etag, matches


@pytest.mark.parametrize(
    ("answer", "status", "expected"),
    [
        (Answer({"data": {}}, max_age=30, private=False), 200, b"max-age=30, public"),
        (Answer({"data": {}}, max_age=30), 200, b"max-age=30, private"),
        (Answer({"data": {}}), 200, b"private, no-cache"),
        (Answer({"data": {}, "errors": [{}]}, max_age=30), 200, b"no-store"),
        (Answer({"data": {}}, max_age=30, degraded=True), 200, b"no-store"),
        (Answer({"data": {}}, max_age=30), 422, b"no-store"),
    ],
)
def test_how_long_an_answer_may_be_kept(answer, status, expected):
    """CA-22, CA-23."""
    assert cache_control(answer, status) == expected


def test_a_validator_stands_for_body_and_media_type():
    """CA-25: strong, so equal bytes have equal ones and no others do."""
    assert etag("a/b", [b"x", b"y"]) == etag("a/b", [b"xy"])
    assert len({etag("a/b", [b"x"]), etag("a/c", [b"x"]), etag("a/b", [b"z"])}) == 3


@pytest.mark.parametrize(
    ("field", "found"),
    [('"t"', True), ('W/"t"', True), ('"a" , "t"', True), ("*", True), ('"a"', False), ("", False), (None, False)],
)
def test_a_validator_is_compared_weakly(field, found):
    assert matches(field, b'"t"') is found
