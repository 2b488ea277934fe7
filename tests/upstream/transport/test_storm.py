"""Through faults and cancellations all at once, each call gets its own answer or none (G5, G6)."""

import asyncio
import dataclasses
from random import Random

import pytest

from bff.testing import FakeUpstream, Fault, Reply
from bff.testing import fault_kinds as kinds
from bff.upstream.errors import UpstreamError
from bff.upstream.message import Request
from bff.upstream.outcome import Outcome

TROUBLES = (
    kinds.ResetBeforeResponse(),
    kinds.EofBeforeResponse(),
    kinds.ResetMidBody(),
    kinds.ShortBody(),
    kinds.MissingTerminator(),
    kinds.CloseAfterReply(),
    kinds.BadGzip(),
    kinds.InvalidStatusLine(),
    kinds.Latency(0.002, jitter=0.002),
    kinds.Informational(2),
)
HANGS = (kinds.HangAfterHeaders(), kinds.HangBeforeHeaders())


@pytest.mark.parametrize("seed", range(3))
async def test_no_answer_ever_reaches_another_call(seed, engine, opened, limits, turns):
    """One byte of another user's answer is worse than any outage."""
    rng = Random(seed)
    limits = dataclasses.replace(limits, max_connections=8, read_idle=0.5)
    outcomes: list[Outcome | None] = []

    async def echo(request) -> Reply:
        await asyncio.sleep(rng.random() / 500)
        return Reply.json({"asked": request.target, "padding": "x" * rng.randrange(2000)})

    async with FakeUpstream(rng=Random(seed)) as upstream:
        upstream.on("GET", "/echo/{id}", echo)
        upstream.trouble(*(Fault(kind, share=0.03) for kind in TROUBLES))
        upstream.trouble(*(Fault(kind, share=0.005) for kind in HANGS))
        transport = opened(engine, limits)

        async def call(number: int) -> None:
            target = f"/echo/{number}"
            try:
                async with asyncio.timeout(rng.choice([0.001, 0.003, 5.0, 5.0])):
                    response = await transport.send(Request("GET", upstream.origin, target))
            except UpstreamError as error:
                outcomes.append(error.outcome)
            except TimeoutError:
                outcomes.append(None)
            else:
                assert f'"asked":"{target}"' in response.body.decode()
                outcomes.append(Outcome.OK)

        for start in range(0, 600, 30):
            await asyncio.gather(*(call(number) for number in range(start, start + 30)))
        upstream.clear()
        await turns()
        results = await asyncio.gather(
            *(transport.send(Request("GET", upstream.origin, f"/echo/{number}")) for number in range(80))
        )
        await transport.close()

    assert {response.status for response in results} == {200}
    assert {Outcome.OK, None, Outcome.RESET, Outcome.BODY_BROKEN} <= set(outcomes), f"seed {seed}: too calm"
