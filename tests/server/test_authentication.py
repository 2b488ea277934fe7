"""Who is calling, as the edge asks for it: in time, with one challenge, before anything runs."""

import asyncio

from bff.auth import challenges
from bff.codes import Code
from bff.context import Principal
from bff.server.refusal import Refusal


class Knows:
    """An authenticator that says, or does, what it was told."""

    def __init__(self, answer):
        self.arrivals = []
        self._answer = answer

    def identify(self, arrival):
        self.arrivals.append(arrival)
        if isinstance(self._answer, Refusal):
            raise self._answer
        return self._answer() if callable(self._answer) else self._answer


async def test_what_runs_knows_who_asks(edge):
    somebody = Principal("i", "u1")
    async with edge(authenticator=Knows(somebody)) as running:
        assert (await running.post()).status_code == 200

    assert [ingress.principal for ingress in running.engine.ingresses] == [somebody]


async def test_an_authenticator_sees_method_path_query_and_peer(edge):
    knows = Knows(Principal("i", "u1"))
    async with edge(authenticator=knows) as running:
        await running.get("query={a}&access_token=x")

    (arrival,) = knows.arrivals
    assert (arrival.method, arrival.path, arrival.peer) == ("GET", "/graphql", "127.0.0.1")
    assert b"access_token=x" in arrival.query


async def test_a_refusal_has_its_own_challenge_and_no_other(edge):
    """AU-11: not the usual one beside it."""
    async with edge(authenticator=Knows(challenges.invalid_token("expired"))) as running:
        answer = await running.post()

    assert answer.status_code == 401
    assert answer.headers.get_list("www-authenticate") == ['Bearer error="invalid_token"']
    assert "expired" not in answer.text
    assert running.engine.requests == []


async def test_a_refusal_without_a_challenge_gets_the_usual_one(edge):
    """RFC 9110, 15.5.2: a 401 has one."""
    async with edge(authenticator=Knows(Refusal(Code.UNAUTHENTICATED, "No."))) as running:
        answer = await running.post()

    assert answer.headers.get_list("www-authenticate") == ["Bearer"]


async def test_what_is_not_granted_is_named(edge):
    """RFC 6750 section 3.1."""
    async with edge(authenticator=Knows(challenges.insufficient_scope({"b", "a"}))) as running:
        answer = await running.post()

    assert answer.status_code == 403
    assert answer.headers.get_list("www-authenticate") == ['Bearer error="insufficient_scope", scope="a b"']


async def test_what_cannot_be_judged_now_may_be_asked_again(edge):
    async with edge(authenticator=Knows(challenges.unavailable("no keys", 2.3))) as running:
        answer = await running.post()

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "3")
    assert answer.json()["errors"][0]["extensions"]["retryAfterMs"] == 3000
    assert answer.headers.get_list("www-authenticate") == []


async def test_an_issuer_that_hangs_costs_no_more_than_the_deadline(edge):
    """DL-1: the client gets its answer in its time."""
    async with edge(authenticator=Knows(lambda: asyncio.sleep(60))) as running:
        answer = await running.post(x_request_timeout_ms="150")

    assert answer.status_code == 504
    assert answer.json()["errors"][0]["extensions"]["code"] == "DEADLINE_EXCEEDED"
    assert running.engine.requests == []
