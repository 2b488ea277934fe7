"""Faults are written in few words, and a wrong one is answered by the right ones."""

from random import Random

import pytest

from bff.experiments.faults import BadFault, inflict, parse_fault
from bff.testing import VirtualClock
from bff.testing.fault_kinds import KINDS
from bff.upstream.errors import UpstreamError
from bff.upstream.outcome import Outcome


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("slow(2s)", "latency"),
        ("slow(100ms-3s)", "latency"),
        ("503", "status"),
        ("429", "status"),
        ("hang", "hang_before_headers"),
        ("reset", "reset_before_response"),
        ("garbage", "malformed_json"),
    ],
)
def test_what_is_written_is_what_is_told_and_test_services_know_the_kind(text, kind):
    fault = parse_fault(f" {text} ")

    assert (str(fault), fault.kind) == (text, kind)
    assert parse_fault(str(fault)) == fault
    assert kind in KINDS


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("slo", "Did you mean 'slow(2s)'?"),
        ("rest", "Did you mean 'reset'?"),
        ("200", "faults are"),
        ("", "faults are"),
        ("slow(2)", "a duration needs a unit"),
        ("slow()", "'slow()' is no fault"),
        ("slow(3s-1s)", "write slow(1s-3s)"),
    ],
)
def test_a_wrong_fault_is_answered_by_what_may_be_written(text, said):
    with pytest.raises(BadFault) as caught:
        parse_fault(text)

    assert said.lower() in str(caught.value).lower()


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("503", Outcome.GATEWAY_ERROR),
        ("500", Outcome.SERVER_ERROR),
        ("404", Outcome.NOT_FOUND),
        ("reset", Outcome.RESET),
        ("garbage", Outcome.BAD_PAYLOAD),
    ],
)
async def test_a_fault_ends_as_the_real_one_would(text, outcome):
    with pytest.raises(UpstreamError) as caught:
        await inflict(parse_fault(text), VirtualClock(), Random(1))

    assert caught.value.outcome is outcome


async def test_latency_is_drawn_between_its_ends():
    clock, rng, waits = VirtualClock(), Random(1), []
    for _ in range(50):
        before = clock.now()
        await clock.run(inflict(parse_fault("slow(1s-3s)"), clock, rng))
        waits.append(clock.now() - before)

    assert 1.0 <= min(waits) < 1.3
    assert 2.7 < max(waits) <= 3.0
