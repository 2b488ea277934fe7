"""Private stays private: no byte of one user's answer ever reaches another."""

import asyncio

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from bff.context import Principal
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
