"""No token and no secret ever gets into a log line, an error, or what is shown of a policy (UC-4)."""

import io
import json
import logging

import pytest
from graphql import GraphQLError

from bff.context import Operation
from bff.errors import ErrorDesk
from bff.policy.credentials import Credentials
from bff.telemetry.logs import JsonLogs
from bff.testing import principal
from bff.upstream.credentials.source import Grant
from bff.upstream.credentials.token import Token
from bff.upstream.errors import UpstreamError
from bff.upstream.message import Response

MATERIAL = ("s3cr3t", "subject-of-ann", "token-1", "token-2", "czNjcjN0", "Bearer", "Basic")
"""Secrets, tokens, and the forms in which they travel."""


@pytest.mark.parametrize("mode", ["own", "exchanged", "static", "hmac", "forward"])
async def test_no_line_of_the_log_has_a_token_in_it(make_bff, own, exchanged, away, mode):
    """Tokens that come, that are refused, that do not come, and answers that repeat what we sent."""
    settings = {
        "own": own,
        "exchanged": exchanged,
        "static": {"mode": "static", "secret": "env:ORDERS_SECRET"},
        "hmac": {"mode": "hmac", "secret": "env:ORDERS_SECRET", "key_id": "k1"},
        "forward": {"mode": "forward", "audience": "orders"},
    }[mode]
    bff = make_bff(**settings)
    ann = principal("ann", token="subject-of-ann", aud="orders")
    stream = io.StringIO()
    logs = JsonLogs(stream, wall=bff.clock.wall, level=logging.DEBUG)
    desk = ErrorDesk(logs, new_id=lambda: "e", alias=str)
    operation = Operation("r1", bff.context().operation.deadline, bff.upstreams)

    async def echo(request):
        said = f"you sent {request.headers.get('authorization')} {request.headers.get('signature')}"
        return Response(401, {"content-type": "text/plain"}, said.encode())

    usual = bff.network.send
    answers = []
    for trouble in (None, "refused", *away):
        if trouble == "refused":
            bff.network.accepts = lambda token: False
        elif trouble is not None:
            bff.network.down = away[trouble]
            await bff.clock.advance(4000)
        try:
            await bff.get(ann)
        except UpstreamError as error:
            answers += desk.execution([GraphQLError(str(error), path=["a"], original_error=error)], operation)
    bff.network.down = None
    bff.network.send = lambda request: usual(request) if request.origin.port == 9199 else echo(request)
    with pytest.raises(UpstreamError) as caught:
        await bff.get(ann, key="9")
    answers += desk.execution([GraphQLError("x", path=["a"], original_error=caught.value)], operation)
    for event in bff.events:
        logs(event)

    written = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert written
    found = [line for line in written for word in MATERIAL[:-2] if word in json.dumps(line)]
    assert found == []
    assert not any(word in json.dumps(answers) for word in MATERIAL)


def test_what_holds_a_token_does_not_show_it():
    shown = repr([Token("s3cr3t", 60.0), Grant({"authorization": "Bearer s3cr3t"}, "s3cr3t")])

    assert "s3cr3t" not in shown


def test_a_policy_shows_where_a_secret_is_and_not_what_it_is():
    policy = Credentials(mode="static", secret="env:ORDERS_SECRET")

    assert "env:ORDERS_SECRET" in policy.model_dump_json()
