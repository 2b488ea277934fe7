"""With the cache and its fallback in the pipeline an outage is bridged, and all laws hold as without it."""

import pytest

from bff.events import CacheUsed
from bff.testing.simulation import faults
from bff.testing.simulation.clients import Load, Rate
from bff.testing.simulation.laws import check, others_notice_nothing
from bff.testing.simulation.log import Sent, Told
from bff.testing.simulation.services import Service
from bff.testing.simulation.world import World, policy_of, simulate

RATE = 100.0


def cached(*outage, **cache):
    """Return a world in which 100 dishes are read 100 times a second, through a cache with these settings."""
    return World(
        3,
        (Service("catalog", cache_control="public"), Service("orders")),
        (Load("catalog", Rate.steady(RATE), keys=100), Load("orders", Rate.steady(20.0))),
        outage,
        replicas=2,
        seconds=100.0,
        policies={"catalog": policy_of(cache={"default_ttl": "10s", **cache})},
    )


@pytest.mark.parametrize("outage", [faults.hang, faults.down, faults.status], ids=["hangs", "refused", "503"])
def test_an_outage_is_bridged_by_what_is_kept(lab, outage):
    """Every call gets an answer while old ones may be used, and the service is left alone."""
    world = cached(outage("catalog", 30.0, 30.0))

    run = simulate(world)

    check(run)
    assert list(others_notice_nothing(run, simulate(world.without_faults()))) == []
    assert lab.outcomes(run).keys() == {"OK"}
    assert len(lab.sent(run, after=30.0, before=60.0)) < 0.04 * 30 * RATE


def test_a_warm_cache_takes_most_of_the_load(lab):
    """100 dishes, kept for 10 s by each of two replicas, are at most 20 calls a second."""
    run = simulate(cached())

    check(run)
    uses = sum(isinstance(told.event, CacheUsed) for told in run.log.of(Told, "catalog"))
    assert uses == lab.outcomes(run).total()
    assert sum(1 for _ in run.log.of(Sent, "catalog")) < 0.25 * uses


def test_the_same_seed_gives_the_same_log_with_a_cache():
    """Early refreshes are drawn from the seed, too."""
    world = cached(faults.hang("catalog", 30.0, 30.0), stale_while_revalidate="5s")

    assert simulate(world).log.digest() == simulate(world).log.digest()
