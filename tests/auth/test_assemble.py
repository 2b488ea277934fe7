"""A policy that cannot be built stops the start; one that can is as strict as it says (lesson 17)."""

import asyncio
import hmac
import json
from random import Random

import pytest

from bff.auth.assemble import open_auth
from bff.policy.document import parse
from bff.policy.problem import PolicyError
from bff.testing.issuer import encode

ISSUER = "https://id.example.com/"
REFUSED = (401, 'Bearer error="invalid_token"')


def shared(secret="env:SECRET", **keys):
    return {
        "issuers": [{"issuer": ISSUER, "audience": ["bff"], "secret": secret, "algorithms": ["HS256"], **keys}]
    }


def test_without_a_policy_nobody_looks_at_credentials(clock):
    opened = open_auth(None, open_transport=lambda _: None, clock=clock, rng=Random(1), notify=print)

    assert opened is None


@pytest.mark.parametrize(
    ("policy", "environ", "why"),
    [
        pytest.param(shared(), {}, "SECRET is not set", id="a variable that is not set"),
        pytest.param(shared("file:/nowhere/secret"), {}, "No such file", id="a file that is not there"),
        pytest.param(shared(), {"SECRET": "short"}, "too short for HS256", id="a short secret"),
        pytest.param(
            {
                "introspection": {
                    "endpoint": ISSUER,
                    "issuer": ISSUER,
                    "audience": ["bff"],
                    "client_id": "c",
                    "client_secret": "env:SECRET",
                }
            },
            {},
            "SECRET is not set",
            id="introspection",
        ),
        pytest.param(
            {
                "anonymous": "allow",
                "dpop": {"public_origin": "https://a.example", "nonce": "required", "nonce_secret": "env:SECRET"},
            },
            {},
            "SECRET is not set",
            id="nonces",
        ),
    ],
)
async def test_a_secret_that_cannot_be_used_stops_the_start(policy, environ, why, door):
    with pytest.raises(PolicyError, match=why) as caught:
        await door(policy, environ=environ)

    assert "short" not in str(caught.value) or why.startswith("too short")


async def test_the_message_names_file_and_line(door):
    text = b"issuers:\n  - issuer: https://id.example.com/\n    audience: [bff]\n    secret: env:SECRET\n"
    document, _ = parse("policies/auth.yaml", text + b"    algorithms: [HS256]\n")

    with pytest.raises(PolicyError, match=r"policies/auth\.yaml:4:13: environment variable SECRET is not set"):
        await door(document.plain(), environ={}, document=document)


async def test_an_issuer_with_a_secret_signs_with_it_alone(issuer, door, keys, clock, tmp_path):
    """AU-3: a secret verifies HMAC and nothing else does; a new secret counts within a second."""

    file = tmp_path / "secret"
    file.write_bytes(b"s" * 32 + b"\n")
    vouching = issuer("RS256")

    def token(secret, **header):
        head, payload = ({"alg": "HS256", **header}, vouching.claims())
        signed = f"{encode(json.dumps(head).encode())}.{encode(json.dumps(payload).encode())}"
        return f"{signed}.{encode(hmac.digest(secret, signed.encode(), 'sha256'))}"

    gate = await door(shared(f"file:{file}"))
    good = await gate.ask(token(b"s" * 32))
    with_name = await gate.ask(token(b"s" * 32, kid="any"))
    wrong = await gate.ask(token(b"t" * 32))
    other = await gate.ask(vouching.token())
    old = token(b"s" * 32)
    seen = await gate.ask(old)
    file.write_bytes(b"t" * 32)
    await clock.advance(2)
    renewed = await gate.ask(token(b"t" * 32))
    outdated = await gate.ask(old)

    assert [one.status for one in (good, with_name, seen, renewed)] == [200] * 4
    assert [one.told for one in (wrong, other, outdated)] == [REFUSED] * 3


async def test_a_new_secret_that_is_too_short_does_not_replace_a_good_one(door, clock, tmp_path):
    file = tmp_path / "secret"
    file.write_bytes(b"s" * 32)
    gate = await door(shared(f"file:{file}"))

    file.write_bytes(b"short")
    await clock.advance(2)

    assert (await gate.ask("x.y.z")).told == REFUSED
    assert gate.auth.health() == "ready"


async def test_closing_leaves_no_task_behind(issuer, trusting, pages):

    vouching = issuer("ES256")
    before = asyncio.all_tasks()
    gate = await trusting(vouching)
    pages.gate = asyncio.Event()
    waiting = asyncio.create_task(gate.ask(vouching.token(header={"kid": "x"})))
    await asyncio.sleep(0)

    await gate.auth.close()
    await asyncio.gather(waiting, return_exceptions=True)

    assert asyncio.all_tasks() <= before
