"""Which fault hits which request is a pure decision over time and chance, and faults are plain JSON."""

import json
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bff.testing import BadFault, Fault, FaultBook, VirtualClock
from bff.testing import fault_kinds as kinds

DOWN = kinds.Status(503)


def book(seed=0):
    clock = VirtualClock()
    return FaultBook(clock, Random(seed)), clock


@pytest.mark.parametrize(
    ("pattern", "path", "fits"),
    [
        ("*", "/", True),
        ("*", "/a/b\nc", True),
        ("/dishes", "/dishes", True),
        ("/dishes", "/dishes/1", False),
        ("/dishes/*", "/dishes/1", True),
        ("/dishes/*", "/dishes/1/2", False),
        ("/dishes/{id}", "/dishes/1", True),
        ("/dishes/{id}/photo", "/dishes/1/photo", True),
        ("/dishes/d*", "/dishes/d12", True),
        ("/dishes/d*", "/dishes/e12", False),
        ("/dishes/**", "/dishes/1/2", True),
        ("**/photo", "/dishes/1/photo", True),
        ("/a.b", "/axb", False),
        ("/a+", "/aa", False),
    ],
)
def test_path_patterns(pattern, path, fits):
    assert Fault(DOWN, pattern).fits("GET", path) == fits


def test_a_method_narrows_a_fault():
    fault = Fault(DOWN, method="post")

    assert fault.fits("POST", "/")
    assert not fault.fits("GET", "/")


@given(st.floats(0, 1), st.integers(0, 2**32))
def test_a_share_hits_as_often_as_chance_falls_below_it(share, seed):
    faults, _ = book(seed)
    faults.add(Fault(DOWN, share=share))
    chance = Random(seed)

    hits = [faults.decide("GET", "/") is not None for _ in range(100)]

    assert hits == [share == 1 or chance.random() < share for _ in range(100)]


@given(st.integers(0, 2**32))
def test_the_same_seed_makes_the_same_decisions(seed):
    """A failing run can be repeated."""
    runs = []
    for _ in range(2):
        faults, _ = book(seed)
        faults.add(Fault(DOWN, share=0.5))
        runs.append([faults.decide("GET", "/") for _ in range(50)])

    assert runs[0] == runs[1]


def test_shares_that_do_not_hit_leave_the_request_to_the_next_fault():
    faults, _ = book()
    never, always = Fault(DOWN, share=0), Fault(kinds.Status(500))
    faults.add(never, always)

    assert faults.decide("GET", "/") is always


async def test_a_fault_ends_after_its_duration():
    faults, clock = book()
    faults.add(Fault(DOWN, duration=10))

    await clock.advance(9.999)
    before = faults.decide("GET", "/")
    await clock.advance(0.001)

    assert before is not None
    assert faults.decide("GET", "/") is None
    assert faults.entries == []


def test_a_fault_ends_after_its_times():
    """The first call fails and its retry succeeds: the commonest test there is."""
    faults, _ = book()
    faults.add(Fault(DOWN, times=2))

    assert [faults.decide("GET", "/") is not None for _ in range(4)] == [True, True, False, False]


async def test_flapping_counts_from_when_it_was_added():
    faults, clock = book()
    await clock.advance(123)
    faults.add(Fault(kinds.Flapping(up=2, down=1)))
    seen = []

    for _ in range(7):
        seen.append(faults.decide("GET", "/") is not None)
        await clock.advance(1)

    assert seen == [False, False, True, False, False, True, False]


def test_replace_and_clear():
    faults, _ = book()
    faults.add(Fault(DOWN))
    other = Fault(kinds.Status(500))

    faults.replace([other])
    replaced = faults.decide("GET", "/")
    faults.clear()

    assert replaced is other
    assert faults.decide("GET", "/") is None


def test_kinds_before_the_request_hit_no_request():
    faults, _ = book()
    faults.add(Fault(kinds.Refuse()), Fault(kinds.ResetOnAccept()))

    assert faults.decide("GET", "/") is None
    assert faults.refusing is not None
    assert faults.decide_connection() is not None


@pytest.mark.parametrize(
    "wrong",
    [
        {"share": 1.1},
        {"share": -0.1},
        {"duration": 0},
        {"times": 0},
        {"path": "dishes"},
        {"kind": kinds.Refuse(), "path": "/dishes"},
        {"kind": kinds.ResetOnAccept(), "method": "GET"},
        {"kind": kinds.Refuse(), "share": 0.5},
        {"kind": kinds.Refuse(), "times": 1},
        {"kind": kinds.Status(99)},
        {"kind": kinds.Drip(bytes=0)},
    ],
)
def test_a_fault_out_of_range_cannot_be_made(wrong):
    with pytest.raises(ValueError):
        Fault(**{"kind": DOWN, **wrong})


PLAIN = [kind() for kind in kinds.KINDS.values() if kind not in (*kinds.BEFORE_REQUEST, kinds.Latency)]
SECONDS = st.floats(0, 1e6)
KINDS = st.one_of(
    st.sampled_from(PLAIN),
    st.builds(kinds.Latency, SECONDS, SECONDS),
    st.builds(kinds.Status, st.integers(200, 599), st.none() | st.integers(0, 100) | st.text()),
    st.builds(kinds.ResetMidBody, st.none() | st.integers(0, 2**40)),
    st.builds(kinds.Drip, st.integers(1, 100), SECONDS, st.sampled_from(["headers", "body", "both"])),
    st.builds(kinds.Flapping, st.floats(0.1, 100), st.floats(0.1, 100), st.none() | st.integers(200, 599)),
    st.builds(kinds.HangBeforeHeaders, st.booleans()),
)
FAULTS = st.builds(
    Fault,
    kind=KINDS,
    path=st.sampled_from(["*", "/a", "/a/*", "/**"]),
    method=st.none() | st.sampled_from(["GET", "POST"]),
    share=st.floats(0, 1),
    duration=st.none() | st.floats(0.001, 1e6),
    times=st.none() | st.integers(1, 100),
)


@given(FAULTS)
def test_json_there_and_back_is_the_same_fault(fault):
    assert Fault.from_json(json.loads(json.dumps(fault.to_json()))) == fault


def test_json_leaves_out_what_goes_without_saying():
    fault = Fault(kinds.Latency(0.3), path="/dishes/*", share=0.5)

    assert fault.to_json() == {"kind": "latency", "seconds": 0.3, "path": "/dishes/*", "share": 0.5}


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("latency", 'a fault is an object such as {"kind": "status", "status": 503}'),
        ({}, "/kind: is missing; known are bad_gzip, bandwidth, black_hole"),
        ({"kind": "latncy"}, "/kind: 'latncy' is unknown; did you mean 'latency'?"),
        ({"kind": "Reset-Mid-Body"}, "/kind: 'Reset-Mid-Body' is unknown; did you mean 'reset_mid_body'?"),
        ({"kind": 3}, "/kind: 3 is unknown; known are"),
        ({"kind": "latency", "second": 1}, "/second: unknown; did you mean 'seconds'?"),
        ({"kind": "status", "shar": 1}, "/shar: unknown; did you mean 'share'?"),
        ({"kind": "latency"}, "Object missing required field `seconds`"),
        ({"kind": "latency", "seconds": "1"}, "/seconds: Expected `float`, got `str`"),
        ({"kind": "status", "status": 99}, "/status: Expected `int` >= 200"),
        ({"kind": "status", "share": 2}, "share 2.0 does not lie between 0 and 1"),
        ({"kind": "drip", "part": "tail"}, "/part: Invalid enum value 'tail'"),
    ],
)
def test_a_wrong_fault_is_told_what_is_wrong_and_what_was_meant(value, message):
    with pytest.raises(BadFault) as error:
        Fault.from_json(value)

    assert message in str(error.value)
