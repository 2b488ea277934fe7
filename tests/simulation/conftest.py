"""One set of all nine processes for the whole run; a test that changes something uses a customer of its own."""

import ssl
from collections.abc import Callable, Iterator

import httpx
import pytest

from bff.testing.virtual_clock import VirtualClock
from upstreams.simulation.cluster import Cluster
from upstreams.simulation.running import DEFAULT_DAY, DEFAULT_SEED
from upstreams.simulation.world import World


@pytest.fixture(scope="session")
def services() -> Iterator[Cluster]:
    """All services, without latency, and with fast streams."""
    with Cluster(latency="0ms", tick="10ms") as cluster:
        yield cluster


@pytest.fixture
def healed(services: Cluster) -> Iterator[Cluster]:
    """All services, which have no faults after the test."""
    yield services
    services.heal()


@pytest.fixture(scope="session")
def client(services: Cluster) -> Iterator[Callable[..., httpx.Client]]:
    """Give the client of one service, in a customer's name if one is given."""
    opened: dict[tuple[str, str | None], httpx.Client] = {}
    context = ssl.create_default_context()

    def make(member: str, user: str | None = None) -> httpx.Client:
        if (member, user) not in opened:
            headers = {"authorization": f"Bearer demo-{user}"} if user else {}
            opened[member, user] = httpx.Client(
                base_url=services.url(member), headers=headers, timeout=10, trust_env=False, verify=context
            )
        return opened[member, user]

    yield make
    for made in opened.values():
        made.close()


@pytest.fixture(scope="session")
def world() -> World:
    """The world the services show."""
    return World(DEFAULT_SEED, DEFAULT_DAY)


@pytest.fixture
def clock() -> VirtualClock:
    """A clock that moves only when it is told to."""
    return VirtualClock()
