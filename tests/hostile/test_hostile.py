"""Whatever is sent, the answer is a quick 4xx or a quick answer, never a 5xx, and nobody else waits for it.

The bounds are in seconds of CPU, the client's included, which are seconds on an idle machine; each attack gets
several tries, and the quietest of them counts.
"""

import importlib.util
from pathlib import Path

import pytest

REJECTED_WITHIN = 0.050
LOOP_LATE_BY = 0.100
SHORT = 64 * 1024
TRIES = 5


def _load():
    place = Path(__file__).with_name("corpus.py")
    spec = importlib.util.spec_from_file_location("hostile_corpus", place)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


corpus = _load()
ATTACKS = corpus.attacks()


def test_the_corpus_does_not_shrink():
    """Sixty ways at least, and all of them different."""
    assert len(ATTACKS) >= 100
    assert len({attack.body for attack in ATTACKS}) == len(ATTACKS)


@pytest.mark.parametrize("attack", ATTACKS, ids=str)
async def test_an_attack_is_answered_quickly_and_holds_up_nobody(target, attack, contract):
    """A client that means harm costs us little, and other clients nothing."""
    async with target(corpus.SCHEMA) as running:
        await running.send(b'{"query":"{name}"}')
        quickest = latest = float("inf")
        for _ in range(TRIES):
            answer, took, late = await running.send(attack.body)
            quickest, latest = min(quickest, took), min(latest, late)
            if quickest < REJECTED_WITHIN and latest < LOOP_LATE_BY:
                break

    body = answer.json()
    contract.validate(body)
    if attack.runs:
        assert answer.status_code == 200
        assert "data" in body
    else:
        assert 400 <= answer.status_code < 500
        assert "data" not in body
        assert len(answer.content) < SHORT, "what quotes a request must not send all of it back"
        assert quickest < REJECTED_WITHIN
    assert latest < LOOP_LATE_BY


async def test_others_are_served_while_attacks_run(target):
    """Each of many attacks is worked on; a good request in between is answered."""
    async with target(corpus.SCHEMA) as running:
        for attack in ATTACKS[::10]:
            await running.send(attack.body)
            answer, _, _ = await running.send(b'{"query":"{name}"}')
            assert answer.json() == {"data": {"name": None}}


@pytest.mark.parametrize(
    ("limits", "query", "variables", "limit"),
    [
        ({"document": "1KiB"}, "{name}" + " " * 1100, None, "document"),
        ({"input_depth": 3}, "{things(json:[[[[1]]]]){id}}", None, "input_depth"),
        ({"input_depth": 3}, "query($j:Json=[[[[]]]]){things(json:$j){id}}", None, "input_depth"),
        ({"input_depth": 3}, "query($j:Json){things(json:$j){id}}", {"j": [[{"a": [1]}]]}, "input_depth"),
        ({"input_values": 10}, "query($j:Json){things(json:$j){id}}", {"j": list(range(10))}, "input_values"),
        ({"depth": 2}, "{node{next{id}}}", None, "depth"),
        ({"tokens": 10}, "{name name name name name name name name name}", None, "tokens"),
    ],
)
async def test_a_limit_of_policy_is_named_when_it_is_exceeded(target, limits, query, variables, limit):
    async with target(corpus.SCHEMA, limits=limits) as running:
        answer, _, _ = await running.send(corpus.request(query, variables))

    (error,) = answer.json()["errors"]
    assert (answer.status_code, error["extensions"]["code"]) == (422, "OPERATION_TOO_LARGE")
    assert f"limit {limit} of" in error["message"]


@pytest.mark.parametrize(
    ("limits", "query", "variables"),
    [
        ({"input_depth": 3}, "{things(json:[[[1]]]){id}}", None),
        ({"input_depth": 3}, "query($j:Json){things(json:$j){id}}", {"j": [[{"a": 1}]]}),
        ({"input_values": 11}, "query($j:Json){things(json:$j){id}}", {"j": list(range(10))}),
        ({"input_values": 4}, "query($j:Json){things(json:$j){id}}", {"j": ",,,,,,,[[[[{{{{"}),
    ],
)
async def test_a_limit_of_policy_allows_what_it_says(target, limits, query, variables):
    async with target(corpus.SCHEMA, limits=limits) as running:
        answer, _, _ = await running.send(corpus.request(query, variables))

    assert answer.json() == {"data": {"things": None}}
