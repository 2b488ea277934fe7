"""Calls go to all hosts of an upstream in turn."""

import itertools
from collections import Counter
from random import Random

import pytest

from bff.upstream.message import Origin, Response
from bff.upstream.pipeline.balance import Balance, Host
from bff.upstream.pipeline.call import Call


def call():
    return Call("catalog", "dishes", "GET", "/dishes", {}, None, safe=True, request_id="r", deadline=1.0)


@pytest.mark.parametrize("seed", range(20))
async def test_hosts_are_used_in_turn_from_a_random_start(seed):
    hosts = [Host.parse(f"http://127.0.0.1:{port}") for port in (1, 2, 3)]
    stage = Balance(hosts, Random(seed))
    seen = []

    async def send(sent):
        seen.append(sent.origin.port)
        return Response(200, {}, b"")

    for _ in range(9):
        await stage(call(), send)

    assert Counter(seen) == {1: 3, 2: 3, 3: 3}
    assert all(a != b for a, b in itertools.pairwise(seen))


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://catalog.internal", Host(Origin("https", "catalog.internal", 443), "")),
        ("http://127.0.0.1:9102/api/", Host(Origin("http", "127.0.0.1", 9102), "/api")),
        ("http://[::1]", Host(Origin("http", "::1", 80), "")),
    ],
)
def test_a_base_url_becomes_origin_and_prefix(url, host):
    assert Host.parse(url) == host
