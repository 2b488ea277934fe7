"""What an endpoint says goes before its group, and that before the upstream; what nobody says is inherited."""

from datetime import timedelta

import pytest
from pydantic import ValidationError

from bff.policy.load import load
from bff.policy.model import UpstreamPolicy
from bff.policy.render import model_in, paths_of
from bff.policy.resolve import effective, effective_for
from bff.upstream.pipeline import STAGES, stage_of

HOSTS = ("https://a.internal", "https://b.internal")
PARTS = {
    "timeouts": {"attempt": "1s"},
    "retry": {"attempts": 3},
    "groups": {
        "find": {"endpoints": ["search", "suggest"], "retry": {"attempts": 1}, "breaker": {"open_time": "1s"}}
    },
    "endpoints": {
        "search": {"timeouts": {"attempt": "700ms"}, "hedge": {"enabled": True}},
        "dishes": {"retry": {"statuses": [500]}},
    },
}
GROUPED = """hosts: [https://a]
groups:
  find:
    endpoints: [search]
    retry: {attempts: 1}
"""


@pytest.fixture
def policy():
    return UpstreamPolicy(hosts=HOSTS, **PARTS)


@pytest.mark.parametrize(
    ("endpoint", "group", "attempt", "attempts", "open_time", "hedged"),
    [
        ("search", "find", 0.7, 1, 1, True),
        ("suggest", "find", 1.0, 1, 1, False),
        ("dishes", "default", 1.0, 3, 5, False),
        ("menu", "default", 1.0, 3, 5, False),
        (None, "default", 1.0, 3, 5, False),
    ],
)
def test_each_key_comes_from_the_nearest_that_states_it(
    policy, endpoint, group, attempt, attempts, open_time, hedged
):
    chain = policy.chain(endpoint)

    assert chain.group == group
    assert chain.timeouts.attempt == timedelta(seconds=attempt)
    assert chain.timeouts.total == timedelta(seconds=5)
    assert chain.retry.attempts == attempts
    assert chain.breaker.open_time == timedelta(seconds=open_time)
    assert chain.hedge.enabled is hedged


def test_a_part_keeps_the_budget_of_the_whole(policy):
    """RT-3: however an upstream is split, repeating adds one share of load."""
    assert policy.chain("dishes").retry.budget is policy.retry.budget
    assert policy.chain("dishes").retry.statuses == {500}


def test_a_part_that_is_wrong_only_together_with_the_whole_is_refused():
    with pytest.raises(ValidationError, match="dishes: connect 500ms must be shorter than attempt 100ms"):
        UpstreamPolicy(hosts=HOSTS, endpoints={"dishes": {"timeouts": {"attempt": "100ms"}}})


def test_a_part_that_is_right_together_with_the_whole_is_taken():
    UpstreamPolicy(
        hosts=HOSTS,
        timeouts={"connect": "20ms", "queue": "20ms"},
        endpoints={"dishes": {"timeouts": {"attempt": "100ms"}}},
    )


def test_every_key_of_an_upstream_belongs_to_a_stage():
    """A key that no stage shows is a key whose effect nobody can see."""
    keys = [
        ".".join(path)
        for path, field in paths_of(UpstreamPolicy)
        if not model_in(field.annotation) and path[0] not in {"groups", "endpoints", "alias"}
    ]

    assert [key for key in keys if stage_of(key) not in STAGES] == []


def test_only_what_a_part_states_is_shown_of_it(write):
    directory = write({"upstreams/a.yaml": GROUPED})
    policies = load(directory)

    shown = [one.key for one in effective(policies, "a") if one.key.startswith(("groups", "endpoints"))]

    assert shown == ["groups.find.retry.attempts", "groups.find.endpoints", "endpoints"]
    origins = {one.key: one.origin for one in effective_for(policies, "a", "search")}
    assert origins["retry.attempts"] == f"{directory}/upstreams/a.yaml:5"
    assert origins["retry.max_delay"] == "default"
