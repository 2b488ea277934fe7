"""Names become addresses without stalling anybody else, and some addresses are never called (LB-11 to LB-13)."""

import asyncio
import dataclasses
import socket
import threading
from contextlib import contextmanager

import pytest

from bff.clock import SystemClock
from bff.policy.model import UpstreamPolicy
from bff.testing import VirtualClock
from bff.upstream.client import limits_of
from bff.upstream.errors import UpstreamError
from bff.upstream.message import Origin, Request
from bff.upstream.outcome import Outcome
from bff.upstream.transport.resolve import Resolver, is_refused


class Names:
    """A name service whose answers a test sets."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = addresses
        self.lookups = 0
        self.answering = threading.Event()
        self.answering.set()

    def __call__(self, host, port, **_):
        self.lookups += 1
        self.answering.wait(5.0)
        if not self.addresses:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [
            info for each in self.addresses for info in socket.getaddrinfo(each, port, type=socket.SOCK_STREAM)
        ]


@contextmanager
def resolving(names: Names, clock=None, **options):
    resolver = Resolver(clock=clock or SystemClock(), lookup=names, **options)
    try:
        yield resolver
    finally:
        names.answering.set()
        resolver.close()


async def found(resolver: Resolver, host: str = "a.test", patience: float = 5.0) -> list[str]:
    return [info[4][0] for info in await resolver.resolve(host, 80, timeout=patience)]


@pytest.mark.parametrize(
    ("address", "refused"),
    [
        ("169.254.169.254", True),
        ("169.254.0.1", True),
        ("::ffff:169.254.169.254", True),
        ("fe80::1", True),
        ("fe80::1%eth0", True),
        ("fd00:ec2::254", True),
        ("100.100.100.200", True),
        ("127.0.0.1", False),
        ("::1", False),
        ("10.0.0.1", False),
        ("93.184.216.34", False),
    ],
)
def test_where_nobody_is_sent_to(address, refused):
    assert is_refused(address) is refused


@pytest.mark.parametrize("host", ["169.254.169.254", "metadata.test"])
async def test_a_metadata_address_is_refused_by_every_transport(host, engine, opened):
    """Whoever controls a name of our configuration must not get the cloud's credentials (LB-13)."""
    with resolving(Names("169.254.169.254")) as resolver, pytest.raises(UpstreamError) as caught:
        await opened(engine, resolver=resolver).send(Request("GET", Origin("http", host, 80), "/"))

    assert caught.value.outcome is Outcome.CONNECT
    assert "link-local" in caught.value.detail
    assert caught.value.sent is False


async def test_a_name_that_does_not_exist_is_told_apart_from_a_host_that_does_not_answer(engine, opened):
    with resolving(Names()) as resolver, pytest.raises(UpstreamError) as caught:
        await opened(engine, resolver=resolver).send(Request("GET", Origin("http", "a.test", 80), "/"))

    assert (caught.value.outcome, caught.value.phase) == (Outcome.DNS, None)
    assert "Name or service not known" in caught.value.detail


async def test_a_name_server_that_does_not_answer_ends_at_the_dns_timeout(engine, opened, limits):
    names = Names("127.0.0.1")
    names.answering.clear()
    with resolving(names) as resolver:
        transport = opened(engine, dataclasses.replace(limits, dns_timeout=0.05), resolver=resolver)
        with pytest.raises(UpstreamError) as caught:
            await transport.send(Request("GET", Origin("http", "a.test", 80), "/"))

    assert (caught.value.outcome, caught.value.phase) == (Outcome.DNS, "dns")


async def test_an_address_that_refuses_is_passed_over(engine, opened, upstream):
    names = Names("::1", "127.0.0.1")
    with resolving(names) as resolver:
        origin = upstream.origin._replace(host="a.test")
        response = await opened(engine, resolver=resolver).send(Request("GET", origin, "/thing"))

    assert response.status == 200


async def test_an_address_that_drops_packets_is_passed_over(engine, opened, deaf, limits):
    """The second address is tried after a quarter of a second, beside the first (RFC 8305)."""
    answering = await asyncio.start_server(_answer_one, "127.0.0.1", deaf.port)
    async with answering:
        with resolving(Names(deaf.host, "127.0.0.1")) as resolver:
            transport = opened(engine, limits, resolver=resolver)
            response = await transport.send(Request("GET", deaf._replace(host="a.test"), "/"))
            await transport.close()

    assert response.body == b"hello"


async def test_a_host_that_drops_packets_ends_at_the_connect_timeout(engine, opened, deaf, limits):
    """Fault 4: nothing was sent, so any call may go to another host."""
    transport = opened(engine, dataclasses.replace(limits, connect_timeout=0.1))

    with pytest.raises(UpstreamError) as caught:
        await transport.send(Request("POST", deaf, "/", body=b"{}"))

    assert (caught.value.outcome, caught.value.phase) == (Outcome.CONNECT, "connect")
    assert caught.value.sent is False


def test_lb11_policy_says_how_long_answers_are_used(engine, opened):
    policy = UpstreamPolicy(hosts=["https://a.test"], pool={"dns_refresh": "7s", "dns_stale": "1m"})

    resolver = opened(engine, limits_of(policy))._own_resolver

    assert (resolver._refresh, resolver._keep) == (7.0, 60.0)


async def test_an_answer_is_used_for_as_long_as_it_is_fresh():
    clock, names = VirtualClock(), Names("127.0.0.1")
    with resolving(names, clock, refresh=30.0) as resolver:
        await found(resolver)
        await clock.advance(29.9)
        await found(resolver)
        assert names.lookups == 1

        names.addresses = ("127.0.0.2",)
        await clock.advance(0.2)

        assert await found(resolver) == ["127.0.0.2"]


async def test_the_last_good_answer_stands_in_for_a_failed_lookup():
    """A name server's bad minute is nobody else's (fault 18)."""
    clock, names = VirtualClock(), Names("127.0.0.1")
    with resolving(names, clock, refresh=30.0, keep=600.0) as resolver:
        await found(resolver)
        names.addresses = ()
        await clock.advance(599.0)
        assert await found(resolver) == ["127.0.0.1"]

        await clock.advance(2.0)

        with pytest.raises(UpstreamError) as caught:
            await found(resolver)
        assert caught.value.outcome is Outcome.DNS


async def test_a_stalled_lookup_is_waited_for_only_once():
    """During a stall each new connection would otherwise cost the whole DNS timeout."""
    clock, names = VirtualClock(), Names("127.0.0.1")
    with resolving(names, clock) as resolver:
        await found(resolver)
        names.answering.clear()
        await clock.advance(31.0)
        assert await found(resolver, patience=0.02) == ["127.0.0.1"]

        async with asyncio.timeout(2.0):
            assert await found(resolver, patience=1000.0) == ["127.0.0.1"]
        assert names.lookups == 2


async def test_callers_share_one_lookup_and_a_stalled_name_takes_one_thread():
    """Otherwise one broken zone would take the threads of every upstream (LB-12)."""
    stalled, fine = Names("127.0.0.1"), Names("127.0.0.2")
    stalled.answering.clear()

    def lookup(host, port, **options):
        return (fine if host == "fine.test" else stalled)(host, port, **options)

    resolver = Resolver(clock=SystemClock(), threads=2, lookup=lookup)
    waiting = [asyncio.create_task(found(resolver, "stalled.test")) for _ in range(20)]
    await asyncio.sleep(0)

    assert await found(resolver, "fine.test") == ["127.0.0.2"]

    stalled.answering.set()
    await asyncio.gather(*waiting)
    assert stalled.lookups == 1
    resolver.close()


async def test_a_failed_connect_asks_again_but_at_most_once_a_second():
    """A service that moved is found early, and a dead one does not cost a lookup for each call (LB-11)."""
    clock, names = VirtualClock(), Names("127.0.0.1")
    with resolving(names, clock, refresh=30.0) as resolver:
        await found(resolver)
        resolver.doubt("a.test", 80)
        await found(resolver)
        resolver.doubt("a.test", 80)
        await found(resolver)
        assert names.lookups == 2

        await clock.advance(1.0)
        resolver.doubt("a.test", 80)
        await found(resolver)

        assert names.lookups == 3


async def test_closing_ends_no_lookup_that_somebody_waits_for():
    """A shutdown must not look like a cancellation to calls in flight."""
    names = Names("127.0.0.1")
    names.answering.clear()
    with resolving(names, threads=1) as resolver:
        waiting = [asyncio.create_task(found(resolver, host)) for host in ("a.test", "b.test")]
        await asyncio.sleep(0)
        resolver.close()
        with pytest.raises(UpstreamError) as caught:
            await found(resolver, "c.test")
        names.answering.set()

        assert await asyncio.gather(*waiting) == [["127.0.0.1"], ["127.0.0.1"]]
    assert caught.value.outcome is Outcome.POOL


@pytest.mark.parametrize("host", ["a" * 64 + ".test", "a..test"])
async def test_a_name_that_is_none_is_a_failed_lookup(host):
    resolver = Resolver(clock=SystemClock())

    with pytest.raises(UpstreamError) as caught:
        await found(resolver, host)

    assert caught.value.outcome is Outcome.DNS
    resolver.close()


async def _answer_one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello")
    writer.close()
