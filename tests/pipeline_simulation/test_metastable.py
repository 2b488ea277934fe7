"""After an outage and a wiped cache the service comes back by itself under our defaults, not under naive ones."""

import importlib.util
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from bff.testing.simulation.laws import LAWS, check, recovered_services_are_used
from bff.testing.simulation.metastable import BEFORE, DEFAULTS, NAIVE, OUTAGE, curve, world
from bff.testing.simulation.world import simulate

BACK = int(BEFORE + OUTAGE)
SCALE = 0.25
"""A quarter of the picture's load and capacity; with less, breakers learn too late."""

_OVERLOADED_ON_PURPOSE = tuple(law for law in LAWS if law is not recovered_services_are_used)


@pytest.fixture(scope="module")
def ours():
    run = simulate(world(DEFAULTS, scale=SCALE, after=75.0))
    check(run)
    return curve(run)


@pytest.fixture(scope="module")
def naive():
    run = simulate(world(NAIVE, scale=SCALE, after=75.0))
    check(run, laws=_OVERLOADED_ON_PURPOSE)
    return curve(run)


def mean(values):
    return sum(values) / len(values)


def test_both_begin_with_a_service_that_has_room(ours, naive):
    """The settings make no difference while nothing is wrong."""
    assert ours.asked[: int(BEFORE)] == naive.asked[: int(BEFORE)]
    assert mean(ours.asked[: int(BEFORE)]) < 0.85 * ours.capacity


def test_with_our_defaults_the_load_falls_below_capacity_without_help(ours):
    """Within a minute of the end of the outage, and for good."""
    assert mean(ours.asked[BACK + 60 :]) < 0.85 * ours.capacity
    assert mean(ours.answered[BACK + 60 :]) > 0.95 * mean(ours.answered[: int(BEFORE)])


def test_with_naive_settings_the_overload_keeps_itself_alive(naive):
    """Repetitions keep the service busy with answers that come too late, so that no cache fills."""
    assert min(naive.asked[BACK + 30 :]) > 2 * naive.capacity
    assert mean(naive.answered[BACK + 30 :]) < 0.05 * naive.capacity


def test_an_outage_is_hammered_by_naive_settings_and_probed_by_ours(ours, naive):
    outage = slice(int(BEFORE) + 10, BACK)

    assert mean(ours.asked[outage]) < 0.25 * ours.capacity
    assert mean(naive.asked[outage]) > 4 * naive.capacity


def test_the_picture_is_drawn(ours, naive):
    """The README shows it; it is well-formed and names what it shows."""
    script = Path(__file__).parent / "draw_metastable.py"
    spec = importlib.util.spec_from_file_location("draw_metastable", script)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    text = module.draw(ours, naive)

    ET.fromstring(text)
    for words in ("capacity", "outage", "our defaults", "naive"):
        assert words in text
    assert (script.parents[2] / "bff/testing/simulation/metastable.svg").read_text().startswith("<svg")
