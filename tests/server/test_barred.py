"""Where nothing resolved because of who is asking, the transport says what to do about it."""

import pytest

from bff.codes import Code
from bff.execution.messages import Answer
from bff.policy.model import OperationsPolicy
from bff.testing import KnownCallers, principal

GRAPHQL = "application/graphql-response+json"


def denied(code, **extensions):
    error = {"message": "No.", "path": ["pin"], "extensions": {"code": code.value, **extensions}}

    async def answer(request, ingress):
        return Answer({"data": {"pin": None}, "errors": [error]}, kind="query", barred=code)

    return answer


@pytest.mark.parametrize(
    ("extensions", "challenge"),
    [
        (
            {"acrValues": ["mfa", "hwk"], "maxAge": 300},
            'Bearer error="insufficient_user_authentication", acr_values="mfa hwk", max_age="300"',
        ),
        ({"maxAge": 0}, 'Bearer error="insufficient_user_authentication", max_age="0"'),
        ({"acrValues": ["mfa"]}, 'Bearer error="insufficient_user_authentication", acr_values="mfa"'),
    ],
)
async def test_a_client_that_has_to_log_in_again_is_told_how(edge, extensions, challenge):
    """SU-1 and RFC 9470; the answer is that of a partial result all the same (AU-11)."""
    async with edge(denied(Code.STEP_UP_REQUIRED, **extensions)) as running:
        answer = await running.post(accept=GRAPHQL)

    assert answer.status_code == 200
    assert answer.headers["www-authenticate"] == challenge
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("accept", "lenient", "status"),
    [(GRAPHQL, False, 503), ("application/json", False, 503), ("application/json", True, 200)],
)
async def test_what_cannot_be_decided_is_a_503(edge, accept, lenient, status):
    """Lesson 17."""
    policy = OperationsPolicy(always_200_for_json=lenient)
    async with edge(denied(Code.AUTH_UNAVAILABLE), policy) as running:
        answer = await running.post(accept=accept)

    assert answer.status_code == status
    assert ("retry-after" in answer.headers) == (status == 503)
    assert answer.json()["errors"][0]["extensions"]["code"] == "AUTH_UNAVAILABLE"


async def test_callers_of_tests_are_known_by_their_tokens(edge):
    """`bff.testing.KnownCallers` stands in for an issuer."""
    ann = principal("ann", scopes=["orders:read"], tenant="north")
    async with edge(authenticator=KnownCallers({"a": ann})) as running:
        for token in ("Bearer a", "Bearer b"):
            await running.post(authorization=token)
        await running.post()

    assert [one.principal.subject for one in running.engine.ingresses] == ["ann", "", ""]
    assert running.engine.ingresses[0].principal.tenant == "north"
