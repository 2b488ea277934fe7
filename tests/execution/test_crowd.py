"""Equal queries under way at the same time are executed once, and nobody gets what is not theirs."""

import asyncio

import pytest
from graphql import build_schema
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bff.context import Deadline, Principal
from bff.events import OperationFinished, OperationShared
from bff.execution.crowd import ReadHeaders
from bff.execution.messages import GraphQLRequest, Ingress
from bff.testing import VirtualClock

ADA = Principal("https://id.example", "ada")
BOB = Principal("https://id.example", "bob")


class Shop:
    """A schema whose fields count how often they are resolved, each after 100 ms."""

    def __init__(self, clock):
        self.clock = clock
        self.resolved = []
        self.cancelled = 0
        self.schema = build_schema(
            "type Query { offers(page: Int): String me: String greeting: String all: String broken: String }"
            " type Mutation { order: String }"
        )
        fields = {**self.schema.query_type.fields, **self.schema.mutation_type.fields}
        for name, field in fields.items():
            field.resolve = self._resolver(name)

    def _resolver(self, name):
        async def resolve(_, info, **arguments):
            self.resolved.append(name)
            try:
                await self.clock.sleep(0.1)
            except asyncio.CancelledError:
                self.cancelled += 1
                raise
            return getattr(self, f"_{name}", lambda *_: name)(info.context, arguments)

        return resolve

    def _offers(self, _, arguments):
        return f"page {arguments.get('page')}"

    def _me(self, context, _):
        return context.principal.subject

    def _greeting(self, context, _):
        return {"de": "Hallo"}.get(context.headers.get("accept-language"), "Hello")

    def _all(self, context, _):
        return ",".join(sorted(context.headers))

    def _broken(self, *_):
        raise RuntimeError("secret")


@pytest.fixture
def shop(world):
    """Return a function that makes a shop and a world around it."""

    def make(**policy):
        clock = VirtualClock()
        one = Shop(clock)
        it = world(one.schema, clock=clock, **policy)
        it.shop = one
        return it

    return make


async def together(it, *asked):
    """Return the data of requests that are all under way at the same time: (query, known) each."""
    for query, known in dict(asked).items():
        await it.timed(query, **known)
    it.shop.resolved.clear()
    it.events.clear()

    async def all_of_them():
        return await asyncio.gather(
            *(it.engine.execute(GraphQLRequest(query), it.ingress(**known)) for query, known in asked)
        )

    return await it.clock.run(all_of_them())


async def test_a_hundred_equal_queries_are_executed_once_and_encoded_once(shop):
    it = shop()

    answers = await together(it, *[("{ offers }", {})] * 100)

    assert {id(answer) for answer in answers} == {id(answers[0])}
    assert answers[0].body == {"data": {"offers": "page None"}}
    assert it.shop.resolved == ["offers"]
    assert sum(isinstance(event, OperationFinished) for event in it.events) == 1
    assert sum(isinstance(event, OperationShared) for event in it.events) == 99


async def test_requests_that_came_before_byte_for_byte_share_without_being_looked_at(shop):
    it, same = shop(), object()
    await it.timed("{ offers }")

    async def ask():
        first = it.engine.execute(GraphQLRequest("{ offers }"), it.ingress(same=same))
        others = [it.engine.execute(GraphQLRequest("{ offers }"), it.ingress(same=same)) for _ in range(5)]
        return await asyncio.gather(first, *others)

    answers = await it.clock.run(ask())

    assert len({id(answer) for answer in answers}) == 1
    assert sum(isinstance(event, OperationShared) for event in it.events) == 5


async def test_what_is_told_of_each_request_is_told_where_its_bytes_came_before_too(shop):
    it, same, seen = shop(), object(), []
    it.engine._observe = lambda document, name, ingress: seen.append(ingress.request_id)

    async def ask():
        return await asyncio.gather(
            *(it.engine.execute(GraphQLRequest("{ offers }"), it.ingress(same=same)) for _ in range(4))
        )

    await it.clock.run(ask())
    await it.clock.run(ask())

    assert len(seen) == 8


async def test_an_equal_request_of_somebody_else_is_another_one(shop):
    """The session of a cookie may change hands while the cookie stays the same."""
    it, same = shop(), object()
    await it.timed("{ me }", principal=ADA)

    async def ask():
        callers = [ADA, BOB, Principal(ADA.issuer, ADA.subject, claims={"acr": "high"})]
        return await asyncio.gather(
            *(it.engine.execute(GraphQLRequest("{ me }"), it.ingress(same=same, principal=one)) for one in callers)
        )

    answers = await it.clock.run(ask())

    assert [answer.body["data"]["me"] for answer in answers] == ["ada", "bob", "ada"]


async def test_policy_can_switch_it_off_as_a_whole_and_for_one_operation(shop):
    off, one = shop(sharing={"scope": "off"}), shop(sharing={"operations": {"Mine": "off"}})

    await together(off, *[("{ offers }", {})] * 3)
    await together(one, *[("query Mine { offers }", {}), ("query Yours { offers }", {})] * 2)

    assert len(off.shop.resolved) == 3
    assert len(one.shop.resolved) == 3


async def test_a_mutation_is_never_shared(shop):
    it = shop()

    await together(it, *[("mutation { order }", {})] * 3)

    assert it.shop.resolved == ["order"] * 3


async def test_other_variables_are_another_question(shop):
    it = shop()
    query = "query ($page: Int) { offers(page: $page) }"
    await it.timed(query, {"page": 0})
    it.shop.resolved.clear()

    async def ask():
        requests = [GraphQLRequest(query, variables={"page": page}) for page in (1, 2, 1)]
        return await asyncio.gather(*(it.engine.execute(one, it.ingress()) for one in requests))

    answers = await it.clock.run(ask())

    assert [answer.body["data"]["offers"] for answer in answers] == ["page 1", "page 2", "page 1"]
    assert len(it.shop.resolved) == 2


async def test_two_users_share_nothing_by_default(shop):
    it = shop()

    answers = await together(it, ("{ offers }", {"principal": ADA}), ("{ offers }", {"principal": BOB}))

    assert len(it.shop.resolved) == 2
    assert len(answers) == 2


async def test_public_is_shared_by_users_unless_the_execution_looks_at_who_asks(shop):
    it = shop(sharing={"scope": "public"})
    users = [{"principal": ADA}, {"principal": BOB}]

    await together(it, *[("{ offers }", user) for user in users])
    assert it.shop.resolved == ["offers"]
    answers = await together(it, *[("{ me }", user) for user in users])

    assert [answer.body["data"]["me"] for answer in answers] == ["ada", "bob"]


async def test_a_header_matters_when_something_reads_it_and_only_then(shop):
    it = shop()
    german, english = ({"headers": {"accept-language": tongue}} for tongue in ("de", "en"))

    answers = await together(it, ("{ greeting }", german), ("{ greeting }", english))
    assert [answer.body["data"]["greeting"] for answer in answers] == ["Hallo", "Hello"]
    await together(it, ("{ offers }", german), ("{ offers }", english))

    assert it.shop.resolved == ["offers"]


async def test_an_execution_that_goes_through_all_headers_is_not_shared(shop):
    it = shop()

    answers = await together(it, ("{ all }", {"headers": {"a": "1"}}), ("{ all }", {"headers": {"b": "1"}}))

    assert [answer.body["data"]["all"] for answer in answers] == ["a", "b"]


async def test_a_header_read_for_the_first_time_while_others_wait_is_not_shared_wrongly(shop):
    """What the document looked at so far is only a guess; what this execution looked at counts."""
    it = shop()
    query = "query ($polite: Boolean!) { offers greeting @include(if: $polite) }"
    await it.timed(query, {"polite": False})

    async def ask():
        return await asyncio.gather(
            *(
                it.engine.execute(
                    GraphQLRequest(query, variables={"polite": True}),
                    it.ingress(headers={"accept-language": tongue}),
                )
                for tongue in ("de", "en", "de")
            )
        )

    answers = await it.clock.run(ask())

    assert [answer.body["data"]["greeting"] for answer in answers] == ["Hallo", "Hello", "Hallo"]


async def test_errors_are_shared_too_and_keep_the_contract(shop):
    it = shop()

    answers = await together(it, *[("{ broken }", {})] * 3)

    assert it.shop.resolved == ["broken"]
    for answer in answers:
        it.held(answer)
        assert "secret" not in str(answer.body)


async def test_whoever_leaves_stops_nobody_else_and_the_last_one_stops_the_work(shop):
    """PY-10's lesson, for the leader as for any other."""
    it = shop()
    await it.timed("{ offers }")
    it.shop.resolved.clear()

    def asked():
        return asyncio.ensure_future(it.engine.execute(GraphQLRequest("{ offers }"), it.ingress()))

    async def leave(stay):
        leader, *others = [asked() for _ in range(4)]
        await it.clock.sleep(0.05)
        for one in [leader, *others][: None if not stay else -1]:
            one.cancel()
        return await asyncio.gather(leader, *others, return_exceptions=True)

    answers = await it.clock.run(leave(stay=True))
    assert [isinstance(answer, asyncio.CancelledError) for answer in answers] == [True, True, True, False]
    assert answers[-1].body == {"data": {"offers": "page None"}}
    assert it.shop.cancelled == 0

    answers = await it.clock.run(leave(stay=False))
    assert all(isinstance(answer, asyncio.CancelledError) for answer in answers)
    assert it.shop.cancelled == 1
    assert it.shop.resolved == ["offers"] * 2


async def test_whoever_has_less_time_is_answered_in_it(shop):
    """Each caller keeps the own deadline: partial data then, not somebody else's patience."""
    it = shop()
    await it.timed("{ offers }")

    async def ask():
        patient = asyncio.ensure_future(it.engine.execute(GraphQLRequest("{ offers }"), it.ingress(5)))
        await it.clock.sleep(0)
        hasty = await it.engine.execute(GraphQLRequest("{ offers }"), it.ingress(0.05))
        return hasty, await patient

    hasty, patient = await it.clock.run(ask())

    assert hasty.body["errors"][0]["extensions"]["code"] == "DEADLINE_EXCEEDED"
    assert patient.body == {"data": {"offers": "page None"}}


async def test_whoever_has_more_time_gets_more_than_what_was_there_in_somebody_elses(shop):
    it = shop()
    await it.timed("{ offers }")
    it.shop.resolved.clear()

    async def ask():
        hasty = asyncio.ensure_future(it.engine.execute(GraphQLRequest("{ offers }"), it.ingress(0.05)))
        await it.clock.sleep(0)
        patient = [
            asyncio.ensure_future(it.engine.execute(GraphQLRequest("{ offers }"), it.ingress(5))) for _ in range(5)
        ]
        return await asyncio.gather(hasty, *patient)

    hasty, *patient = await it.clock.run(ask())

    assert hasty.body["errors"][0]["extensions"]["code"] == "DEADLINE_EXCEEDED"
    assert [answer.body for answer in patient] == [{"data": {"offers": "page None"}}] * 5
    assert it.shop.resolved == ["offers"] * 2, "the five are a crowd again"


def test_headers_remember_what_was_looked_at_in_vain_too():
    headers = ReadHeaders({"a": "1", "b": "2"})

    assert headers.get("a") == "1"
    assert headers.get("c") is None
    assert "d" not in headers
    assert headers.read == {"a", "c", "d"}
    assert dict(headers) == {"a": "1", "b": "2"}
    assert "*" in headers.read


CALLERS = st.lists(
    st.tuples(
        st.sampled_from(
            ["{ offers }", "{ me }", "{ greeting me }", "{ greeting }", "{ all }", "{ offers me all }"]
        ),
        st.sampled_from([ADA, BOB]),
        st.sampled_from([{}, {"accept-language": "de"}, {"accept-language": "en", "x": "1"}, {"x": "2"}]),
        st.sampled_from([0.0, 0.03, 0.2]),
    ),
    min_size=2,
    max_size=12,
)


@given(CALLERS, st.sampled_from(["principal", "public"]), st.booleans())
@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_everybody_gets_exactly_the_answer_of_an_execution_of_their_own(shop, callers, scope, known):
    """The law: sharing is invisible in the answers, also of requests that are known by their bytes."""
    shared, alone = shop(sharing={"scope": scope}), shop(sharing={"scope": "off"})

    async def play(it):
        bytes_of = {}

        async def one(query, principal, headers, after):
            await it.clock.sleep(after)
            ingress = Ingress("r", Deadline.after(9, it.clock), principal=principal, headers=headers)
            if known:
                ingress.same = bytes_of.setdefault((query, *sorted(headers.items())), object())
            return (await it.engine.execute(GraphQLRequest(query), ingress)).body

        async def everybody():
            return await asyncio.gather(*(one(*caller) for caller in callers * 2))

        await it.clock.run(everybody())
        return await it.clock.run(everybody())

    assert await play(shared) == await play(alone)
    assert len(shared.shop.resolved) <= len(alone.shop.resolved)


async def test_callers_who_turn_out_to_differ_do_not_wait_for_one_another_again(shop):
    """Ten users under the scope `public` ask for something personal: one wait in vain at most, not nine."""
    it = shop(sharing={"scope": "public"})
    await it.timed("query ($me: Boolean!) { offers me @include(if: $me) }", {"me": False})
    users = [Principal("https://id.example", f"user {number}") for number in range(10)]
    began = it.clock.now()

    async def ask():
        return await asyncio.gather(
            *(
                it.engine.execute(
                    GraphQLRequest(
                        "query ($me: Boolean!) { offers me @include(if: $me) }", variables={"me": True}
                    ),
                    it.ingress(principal=user),
                )
                for user in users
            )
        )

    answers = await it.clock.run(ask())

    assert [answer.body["data"]["me"] for answer in answers] == [user.subject for user in users]
    assert it.clock.now() - began == pytest.approx(0.2)


async def test_what_is_known_to_be_personal_is_not_waited_for_at_all(shop):
    it = shop(sharing={"scope": "public"})
    await it.timed("{ me }", principal=ADA)
    await it.timed("{ me }", principal=BOB)
    began = it.clock.now()

    await together(it, ("{ me }", {"principal": ADA}), ("{ me }", {"principal": BOB}))

    assert it.clock.now() - began == pytest.approx(0.2), "once alone, then both at once"
