"""Hosts, calls and stages for tests of the pipeline."""

import pytest

from bff.upstream.message import Origin
from bff.upstream.pipeline.call import Call
from bff.upstream.pipeline.pick import Member


@pytest.fixture
def members():
    """A function that makes hosts with the given weights, or so many of weight 1."""

    def make(weights):
        weights = [1.0] * weights if isinstance(weights, int) else weights
        return [
            Member(Origin("http", f"host-{number}", 80), weight=float(weight))
            for number, weight in enumerate(weights)
        ]

    return make


@pytest.fixture
def make_call():
    """A function that makes a call; keyword arguments replace its fields."""

    def make(**fields):
        base = {"safe": True, "request_id": "r", "deadline": 1e9}
        return Call("catalog", "dishes", "GET", "/dishes", {}, None, **{**base, **fields})

    return make
