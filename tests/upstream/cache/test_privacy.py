"""Private stays private: no byte of one user's answer ever reaches another."""

import asyncio
from urllib.parse import parse_qs

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bff.context import Principal
from bff.testing import principal
from bff.upstream.declare import Upstream
from bff.upstream.errors import UpstreamError
from bff.upstream.message import Response

catalog = Upstream("catalog")
thing = catalog.get("/things/{id}", returns=msgspec.Raw, name="thing")

CREDENTIALS = {"authorization": "Bearer {}", "cookie": "session={}", "x-customer": "{}"}
SHARED_BY_THE_SERVICE = ("public", "s-maxage", "must-revalidate")

controls = st.lists(
    st.sampled_from(
        [
            "private",
            "no-cache",
            "no-store",
            "max-age=0",
            "max-age=5",
            "max-age=500",
            "stale-while-revalidate=50",
            "stale-if-error=500",
            'private="x-a"',
            "immutable",
        ]
    ),
    max_size=4,
).map(", ".join)
policies = st.fixed_dictionaries(
    {},
    optional={
        "scope": st.sampled_from(["auto", "user", "off"]),
        "default_ttl": st.sampled_from(["0s", "1m"]),
        "stale_if_error": st.sampled_from(["0s", "1h"]),
        "stale_while_revalidate": st.sampled_from(["0s", "1m"]),
        "override_stale": st.booleans(),
        "negative_ttl": st.sampled_from(["0s", "5s"]),
        "coalesce": st.booleans(),
        "sort_query": st.booleans(),
    },
)
steps = st.lists(
    st.tuples(
        st.sampled_from(["alice", "bob", "both", "wait", "break", "mend"]),
        st.integers(1, 2),
        st.sampled_from([0.0, 1.0, 6.0, 70.0]),
    ),
    min_size=2,
    max_size=12,
)


@settings(max_examples=150, deadline=None)
@given(
    policy=policies,
    control=controls,
    vary=st.sampled_from([None, "authorization", "accept-language", "*"]),
    names=st.sets(st.sampled_from(sorted(CREDENTIALS)), min_size=1),
    principals=st.booleans(),
    steps=steps,
)
def test_no_byte_of_one_user_reaches_the_other(bff_class, policy, control, vary, names, principals, steps):
    """Whatever the service and the platform team say, unless one of them says that the answer is everybody's."""
    assert not any(word in control for word in SHARED_BY_THE_SERVICE)
    asyncio.run(_play(bff_class, policy, control, vary, names, principals, steps))


async def _play(bff_class, policy, control, vary, names, principals, steps):
    bff = bff_class(cache=policy, policy={"forward": {"headers": sorted(names)}})
    broken = False

    async def answer(request):
        await asyncio.sleep(0)
        if broken:
            return Response(503, {}, b"")
        user = next(one for one in ("alice", "bob") if any(one in value for value in request.headers.values()))
        headers = {"content-type": "application/json", **({"cache-control": control} if control else {})}
        if vary:
            headers["vary"] = vary
        return Response(200, headers, msgspec.json.encode({"secret of": user}))

    bff.service.answer = answer

    async def ask(user, number):
        headers = {name: CREDENTIALS[name].format(user) for name in names}
        principal = {"principal": Principal("https://id", user)} if principals else {}
        try:
            body = bytes(await thing(bff.context(thing, headers=headers, **principal), id=number))
        except UpstreamError:
            return
        assert user.encode() in body

    for who, number, seconds in steps:
        if who == "wait":
            await bff.clock.advance(seconds)
        elif who in {"break", "mend"}:
            broken = who == "break"
        else:
            await asyncio.gather(*(ask(user, number) for user in (["alice", "bob"] if who == "both" else [who])))
    await bff.close()


PEOPLE = {
    "alice": {"subject": "alice"},
    "alice-admin": {"subject": "alice", "scopes": ["admin"]},
    "alice-north": {"subject": "alice", "tenant": "north"},
    "bob": {"subject": "bob"},
}
ISSUED = {
    "token_endpoint": "https://id.test:9199/token",
    "client_id": "bff",
    "client_secret": "env:PRIVACY_SECRET",
}
PERSONAL = [
    {"mode": "forward", "audience": "catalog"},
    {"mode": "exchange", "audience": "catalog", **ISSUED},
]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    policy=policies,
    credentials=st.sampled_from(PERSONAL),
    control=controls,
    vary=st.sampled_from([None, "authorization", "*"]),
    steps=st.lists(
        st.tuples(
            st.sampled_from([*PEOPLE, "all", "wait", "break", "mend"]),
            st.integers(1, 2),
            st.sampled_from([0.0, 1.0, 6.0, 70.0]),
        ),
        min_size=2,
        max_size=12,
    ),
)
def test_whom_a_call_is_made_for_decides_who_reads_its_answer(
    bff_class, monkeypatch, policy, credentials, control, vary, steps
):
    """CA-3: issuer, subject, tenant and scopes, where credentials of the user go out or depend on the user."""
    monkeypatch.setenv("PRIVACY_SECRET", "s")
    asyncio.run(_play_people(bff_class, policy, credentials, control, vary, steps))


async def _play_people(bff_class, policy, credentials, control, vary, steps):
    bff = bff_class(cache=policy, policy={"credentials": credentials})
    broken = False

    async def answer(request):
        await asyncio.sleep(0)
        if request.origin.port == 9199:
            subject = parse_qs(request.body.decode())["subject_token"][0]
            issued = {"access_token": f"for.{subject}", "token_type": "Bearer", "expires_in": 600}
            return Response(200, {"content-type": "application/json"}, msgspec.json.encode(issued))
        if broken:
            return Response(503, {}, b"")
        who = request.headers["authorization"].rpartition(".")[2]
        headers = {"content-type": "application/json", **({"cache-control": control} if control else {})}
        if vary:
            headers["vary"] = vary
        return Response(200, headers, msgspec.json.encode({"secret of": who}))

    bff.service.answer = answer

    async def ask(who, number):
        caller = principal(**PEOPLE[who], token=f"token.{who}", aud="catalog")
        try:
            body = bytes(await thing(bff.context(thing, principal=caller), id=number))
        except UpstreamError:
            return
        assert body == msgspec.json.encode({"secret of": who})

    for who, number, seconds in steps:
        if who == "wait":
            await bff.clock.advance(seconds)
        elif who in {"break", "mend"}:
            broken = who == "break"
        else:
            await asyncio.gather(*(ask(one, number) for one in (PEOPLE if who == "all" else [who])))
    await bff.close()


async def test_answers_to_our_own_credentials_are_shared_and_private_downstream(bff_class):
    """Who calls makes no difference to the service; but not every cache beyond us may have what it answers us."""
    bff = bff_class(
        policy={
            "credentials": {"mode": "mtls", "certificate": "file:c", "key": "file:k"},
            "hosts": ["https://a.test"],
        }
    )
    served = []

    def answer(request):
        served.append(request)
        return Response(200, {"content-type": "application/json", "cache-control": "max-age=60"}, b"{}")

    bff.service.answer = answer

    for who in ("alice", "bob", "alice"):
        context = bff.context(thing, principal=principal(who))
        await thing(context, id=1)
        assert context.operation.private

    assert len(served) == 1
    await bff.close()


async def test_answers_to_calls_without_credentials_are_everybodys(bff_class):
    """CA-2: a service that does not learn who asks has nothing to hide from the others."""
    bff = bff_class()
    served = []

    def answer(request):
        served.append(request)
        return Response(200, {"content-type": "application/json", "cache-control": "max-age=60"}, b"{}")

    bff.service.answer = answer

    for who in ("alice", "bob"):
        context = bff.context(thing, principal=principal(who, token="t"))
        await thing(context, id=1)
        assert not context.operation.private

    assert len(served) == 1
    await bff.close()


async def test_policy_may_say_that_answers_are_one_users_though_the_service_learns_of_nobody(bff_class):
    """CA-3, `scope: user`."""
    bff = bff_class(cache={"scope": "user", "default_ttl": "1m"})
    served = []

    def answer(request):
        served.append(request)
        return Response(200, {"content-type": "application/json"}, b"{}")

    bff.service.answer = answer

    for who in ("alice", "bob", "alice"):
        await thing(bff.context(thing, principal=principal(who)), id=1)

    assert len(served) == 2
    await bff.close()
