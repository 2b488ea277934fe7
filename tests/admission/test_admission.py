"""The layers, one after the other (RL-8): who is counted where, and what a refusal leaves as it was."""

from inspect import isawaitable

import jsonschema
import pytest

from bff.codes import Code
from bff.contract import error_schema
from bff.events import ClientRefused, LimitExceeded
from bff.server.refusal import Refusal

OFF = {"mode": "off"}


async def settled(found):
    return await found if isawaitable(found) else found


def refusal(call):
    with pytest.raises(Refusal) as caught:
        call()
    return caught.value


def fields(entry):
    return {name.decode(): value.decode() for name, value in entry.headers()}


def test_nothing_is_limited_without_a_folder_of_clients(gate, arrival, user, ask):
    assert gate(limited=False).admission is None
    behind = gate(limited=False, network={})

    assert behind.admission.knock(arrival()) is None
    assert behind.admission.enter(arrival(), user(), ask()) is None


def test_the_defaults_are_those_of_the_table(gate, arrival, user, ask):
    """Section 17: anonymous 60, user 600 a minute, a fifth of it at once."""
    some = gate().admission

    known, unknown = some.enter(arrival(), user(), ask()), some.enter(arrival(), user("", ""), ask())

    assert fields(known)["ratelimit-policy"] == '"user";q=600;w=60'
    assert fields(known)["ratelimit"] == '"user";r=119;t=1'
    assert fields(unknown)["ratelimit-policy"] == '"anonymous";q=60;w=60'
    assert fields(unknown)["ratelimit"] == '"anonymous";r=11;t=1'


def test_in_process_nobody_waits(gate, arrival, user, ask):
    """No task, no await: that costs more than the counting."""
    some = gate().admission

    assert some.knock(arrival()) is None
    assert not isawaitable(some.enter(arrival(), user(), ask()))


def test_rl8_an_address_is_judged_before_anything_is_read(gate, arrival, events):
    some = gate(address={"rate": "60 per minute", "burst": 2}).admission
    for _ in range(2):
        some.knock(arrival())

    refused = refusal(lambda: some.knock(arrival()))

    assert refused.code is Code.RATE_LIMITED
    assert refused.unread
    assert refused.extensions == {"retryAfterMs": 1000}
    assert some.knock(arrival("192.0.2.2")) is None
    assert events == [LimitExceeded("r1", "default", "address", True, "process")]


def test_a_get_has_no_body_that_was_left_unread(gate, arrival):
    some = gate(address={"rate": "60 per minute", "burst": 1}).admission
    some.knock(arrival(method="GET"))

    assert not refusal(lambda: some.knock(arrival(method="GET"))).unread


def test_rl17_a_refused_log_in_counts_for_the_address_alone(gate, arrival, user, ask):
    """Whoever fails to log in as somebody never gets as far as that user's bucket."""
    some = gate(limits={"user": {"rate": "60 per minute", "burst": 5}}).admission
    for _ in range(50):
        some.knock(arrival())

    assert fields(some.enter(arrival(), user(), ask()))["ratelimit"] == '"user";r=4;t=1'


def test_a_denied_address_is_refused_and_told(gate, arrival, events):
    some = gate(network={"deny": ["192.0.2.0/24"]}, limited=False).admission

    refused = refusal(lambda: some.knock(arrival()))

    assert refused.code is Code.FORBIDDEN
    assert refused.statuses.draft == 403
    assert events == [ClientRefused("r1", "address", "192.0.2.1")]


def test_rl8_a_refusal_takes_nothing_from_any_other_bucket(gate, arrival, user, ask):
    some = gate(
        limits={
            "client": {"rate": "60 per minute", "burst": 10},
            "user": {"rate": "60 per minute", "burst": 5},
            "operations": {"Checkout": {"rate": "60 per minute", "burst": 1}},
        }
    ).admission
    who = user(client="mobile")
    some.enter(arrival(), who, ask("Checkout"))

    refused = refusal(lambda: some.enter(arrival(), who, ask("Checkout")))
    after = fields(some.enter(arrival(), who, ask("Home")))

    assert refused.detail.startswith("limit operation.Checkout")
    assert after["ratelimit"] == '"client";r=8;t=2, "user";r=3;t=2'


def test_rl8_whoever_finds_no_place_has_still_asked(gate, arrival, user, ask):
    """Concurrency is the last layer; what came before it stays counted."""
    some = gate(limits={"concurrency": {"max": 1}}).admission
    first = some.enter(arrival(), user(), ask())

    refused = refusal(lambda: some.enter(arrival(), user(), ask()))
    first.leave()
    first.leave()
    third = some.enter(arrival(), user(), ask())

    assert (refused.code, refused.extensions) == (Code.RATE_LIMITED, {"retryAfterMs": 1000})
    assert fields(third)["ratelimit"] == '"user";r=117;t=1'


def test_rl6_people_who_do_not_say_who_they_are_are_their_address(gate, arrival, user, ask):
    some = gate(limits={"anonymous": {"rate": "60 per minute", "burst": 1}}).admission
    some.enter(arrival("2001:db8::1"), user("", ""), ask())

    refusal(lambda: some.enter(arrival("2001:db8::2"), user("", ""), ask()))
    some.enter(arrival("2001:db8:0:1::1"), user("", ""), ask())


def test_rl6_users_of_two_issuers_are_two(gate, arrival, user, ask):
    some = gate(limits={"user": {"rate": "60 per minute", "burst": 1}}).admission

    for who in (user("u1"), user("u1", "https://other.example.com/"), user("u2")):
        some.enter(arrival(), who, ask())

    refusal(lambda: some.enter(arrival("192.0.2.99"), user("u1"), ask()))


@pytest.mark.parametrize("subject", ["a:b", "{x}", "a\nb", "*", "rl:{v1}:default:user:", "../", "é", "1:a"])
def test_rl21_no_identity_reaches_another_ones_bucket(gate, arrival, user, ask, subject):
    some = gate(limits={"user": {"rate": "60 per minute", "burst": 1}}).admission
    for other in ("a", "b", "x", "a:", ":b", "a b"):
        some.enter(arrival(), user(other), ask())

    some.enter(arrival(), user(subject), ask())

    refusal(lambda: some.enter(arrival(), user(subject), ask()))


def test_a_batch_counts_each_of_its_operations(gate, arrival, user, ask):
    some = gate(limits={"user": {"rate": "60 per minute", "burst": 5}}).admission

    entry = some.enter(arrival(), user(), [ask("A"), ask("B"), ask("A")])
    refused = refusal(lambda: some.enter(arrival(), user(), [ask()] * 6))

    assert fields(entry)["ratelimit"] == '"user";r=2;t=3'
    assert refused.code is Code.COST_LIMIT_EXCEEDED, "however long it waits"


@pytest.mark.parametrize(
    ("name", "query"),
    [
        ("Checkout", None),
        (None, "mutation Checkout { a }"),
        (None, "# a\nfragment F on T { a } mutation  Checkout($a: Int) { a }"),
    ],
)
def test_an_operation_is_known_by_its_name_wherever_it_stands(gate, arrival, user, ask, name, query):
    some = gate(limits={"operations": {"Checkout": {"rate": "60 per minute", "burst": 1}}}).admission
    some.enter(arrival(), user(), ask(name, query))

    refusal(lambda: some.enter(arrival(), user(), ask(name, query)))


def test_a_limit_that_only_measures_counts_and_refuses_nobody(gate, arrival, user, ask, events):
    measured = {"rate": "60 per minute", "burst": 1, "mode": "measure"}
    some = gate(limits={"user": measured, "concurrency": {"max": 1, "mode": "measure"}})

    for _ in range(2):
        some.admission.enter(arrival(), user(), ask())
    some.usage(events[0])

    assert events == [
        LimitExceeded("r1", "default", "user", False, "process"),
        LimitExceeded("r1", "default", "concurrency", False, "process"),
    ]
    assert some.usage.told()["limits"][0]["decision"] == "measured"


def test_a_limit_that_is_off_is_not_there(gate, arrival, user, ask):
    some = gate(limits={"user": OFF, "concurrency": OFF}, address=OFF).admission

    assert fields(some.enter(arrival(), user(), ask())) == {}
    assert some.knock(arrival()) is None


def test_a_client_is_known_by_what_it_has_proven(gate, arrival, user, ask):
    some = gate(
        clients={"partner": {"match": {"clients": ["p-1"]}, "limits": {"user": {"rate": "6000 per minute"}}}}
    ).admission

    partner = some.enter(arrival(), user(client="p-1"), ask())
    other = some.enter(arrival(), user(client="p-2"), ask())

    assert fields(partner)["ratelimit-policy"] == '"user";q=6000;w=60'
    assert fields(other)["ratelimit-policy"] == '"user";q=600;w=60'


PARTNER = {"names": ["partner"]}
MORE = {"client": {"rate": "90000 per minute"}, "anonymous": {"rate": "6000 per minute"}}


def test_rl6_a_name_that_anybody_can_give_chooses_no_limits(gate, arrival, user, ask):
    """It would be enough to call oneself the partner."""
    clients = {"partner": {"match": PARTNER, "limits": MORE, "versions": {"minimum": "2.0"}}}
    some = gate(clients=clients).admission

    entry = some.enter(arrival(x_client_name="partner", x_client_version="2.1"), user("", ""), ask())

    assert fields(entry)["ratelimit-policy"] == '"anonymous";q=60;w=60'
    refused = refusal(lambda: some.enter(arrival(x_client_name="partner", x_client_version="1.9"), user(), ask()))
    assert refused.code is Code.CLIENT_UPGRADE_REQUIRED


def test_a_name_that_a_proxy_vouches_for_does(gate, arrival, user, ask):
    clients = {"partner": {"match": PARTNER | {"trust_names": True}, "limits": MORE}}
    some = gate(clients=clients).admission

    entry = some.enter(arrival(x_client_name="partner"), user("", ""), ask())

    assert fields(entry)["ratelimit-policy"] == '"client";q=90000;w=60, "anonymous";q=6000;w=60'


def test_the_first_header_with_a_name_counts_and_policy_says_which(gate, arrival, user, ask):
    some = gate()
    some.admission.enter(arrival(apollographql_client_name="ios", x_client_name="no"), user(), ask())
    other = gate(name_headers=["x-app"], version_headers=["x-app-version"])
    other.admission.enter(arrival(x_app="web", x_app_version="7", x_client_name="no"), user(), ask())

    assert some.usage.told()["clients"] == [{"client": "ios", "version": "", "requests": 1}]
    assert other.usage.told()["clients"] == [{"client": "web", "version": "7", "requests": 1}]


@pytest.mark.parametrize(
    ("disclose", "known", "unknown"),
    [("everybody", True, True), ("authenticated", True, False), ("nobody", False, False)],
)
def test_rl16_who_is_told_the_limits(gate, arrival, user, ask, disclose, known, unknown):
    limits = {"anonymous": {"rate": "60 per minute", "burst": 1}}
    some = gate(disclose=disclose, limits=limits).admission

    assert bool(fields(some.enter(arrival(), user(), ask()))) is known
    assert bool(fields(some.enter(arrival(), user("", ""), ask()))) is unknown
    assert bool(refusal(lambda: some.enter(arrival(), user("", ""), ask())).headers) is unknown


def test_the_same_figures_stand_in_extensions_where_asked(gate, arrival, user, ask):
    some = gate(limits={"user": {"rate": "60 per minute", "burst": 2}}).admission
    asking = arrival(x_bff_ratelimit="1")

    plain, asked = some.enter(arrival(), user(), ask()), some.enter(asking, user(), ask())
    refused = refusal(lambda: some.enter(asking, user(), ask()))

    figures = {"name": "user", "limit": 60, "windowSeconds": 60, "remaining": 0}
    assert plain.report() == {}
    assert asked.report() == {"rateLimit": [figures | {"resetMs": 2000}]}
    assert refused.extensions == {"retryAfterMs": 1000, "rateLimit": [figures | {"resetMs": 1000}]}


def test_what_is_told_holds_the_contract(gate, arrival, user, ask):
    """`error-v1.schema.json` is what clients generate their types from."""
    versions = {"recommended": "4.8", "minimum": "4.0", "store_url": "https://apps.example.com/shop"}
    some = gate(limits={"user": {"rate": "60 per minute", "burst": 1}}, versions=versions).admission
    asking = arrival(x_bff_ratelimit="1", x_client_version="4.1")

    told = some.enter(asking, user(), ask()).report()
    late = refusal(lambda: some.enter(asking, user(), ask()))
    old = refusal(lambda: some.enter(arrival(x_client_version="3.0"), user(), ask()))

    assert set(told) == {"rateLimit", "client"}
    jsonschema.validate({"data": {}, "extensions": told}, error_schema())
    for refused in (late, old):
        extensions = {"code": refused.code, "retryable": refused.code.retryable, "errorId": "0" * 32}
        error = {"message": refused.message, "extensions": extensions | refused.extensions}
        jsonschema.validate({"errors": [error]}, error_schema())


def test_where_nothing_is_limited_nothing_is_told(gate, arrival, user, ask):
    some = gate(limits={"user": OFF}).admission

    assert some.enter(arrival(x_bff_ratelimit="1"), user(), ask()).report() == {}


async def test_limits_come_from_redis_where_there_is_one(gate, arrival, user, ask, shared_redis, open_store):
    some = gate(limits={"user": {"rate": "60 per day", "burst": 2}}, store=open_store(shared_redis.url)).admission

    entries = [await settled(some.enter(arrival(), user("redis"), ask())) for _ in range(2)]
    await settled(some.knock(arrival()))

    assert fields(entries[1])["ratelimit"] == '"user";r=0;t=2880'
    with pytest.raises(Refusal) as caught:
        await settled(some.enter(arrival(), user("redis"), ask()))
    assert dict(caught.value.headers)[b"ratelimit"].startswith(b'"user";r=0;t=14')


async def test_rl19_no_figures_are_told_while_redis_is_away(gate, arrival, user, ask, open_store):
    some = gate(store=open_store("redis://127.0.0.1:1/0")).admission

    entry = await settled(some.enter(arrival(), user(), ask()))

    assert fields(entry) == {}


async def test_rl18_a_closed_limit_refuses_while_redis_is_away(gate, arrival, user, ask, open_store):
    limits = {"user": {"on_store_error": "closed"}}
    some = gate(store=open_store("redis://127.0.0.1:1/0"), limits=limits).admission

    with pytest.raises(Refusal) as caught:
        await settled(some.enter(arrival(), user(), ask()))

    assert caught.value.code is Code.SERVICE_OVERLOADED
    assert caught.value.extensions == {"retryAfterMs": 2000}


def test_py19_without_redis_processes_divide_what_policy_says(gate, arrival, user, ask):
    limits = {"user": {"rate": "60 per minute", "burst": 8}}
    some = gate(limits=limits, workers=2, expected_replicas=2).admission

    for _ in range(2):
        some.enter(arrival(), user(), ask())

    assert refusal(lambda: some.enter(arrival(), user(), ask())).extensions == {"retryAfterMs": 4000}
