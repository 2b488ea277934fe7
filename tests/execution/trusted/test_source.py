"""A document by its id, by its hash, or as text: as far as the mode lets it run."""

import pytest

from bff.codes import Code
from bff.context import Principal
from bff.events import UntrustedDocument
from bff.execution.trusted.registry import hash_of

STAFF = Principal("https://id.example.com/", "u1", scopes=frozenset({"explore"}))
NAME = {"data": {"name": None}}
APQ = {"enabled": True}
OTHER_ANSWER = {"data": {"other": None}}


def told(it):
    return [event for event in it.events if isinstance(event, UntrustedDocument)]


@pytest.mark.parametrize("mode", ["log", "prefer", "only"])
async def test_a_registered_document_runs_by_each_of_its_names(trusting, home, mode):
    """The manifest's own id, the hash, and the hash as the GraphQL-over-HTTP draft writes it."""
    it = trusting(mode=mode)

    for name in ("home-1", hash_of(home), f"sha256:{hash_of(home)}"):
        assert (await it.ask(None, document_id=name)).body == NAME
    assert told(it) == []


@pytest.mark.parametrize("mode", ["log", "prefer", "only"])
async def test_apps_of_apollo_find_registered_documents_by_their_hash(trusting, home, automatic, mode):
    it = trusting(mode=mode)

    assert (await it.ask(None, extensions=automatic(home))).body == NAME
    assert (await it.ask(home, extensions=automatic(home))).body == NAME


@pytest.mark.parametrize(
    ("mode", "code"),
    [
        ("off", Code.PERSISTED_QUERY_NOT_SUPPORTED),
        ("log", Code.PERSISTED_QUERY_NOT_FOUND),
        ("prefer", Code.PERSISTED_QUERY_NOT_FOUND),
        ("only", Code.PERSISTED_QUERY_NOT_FOUND),
    ],
)
async def test_an_unknown_document(trusting, other, automatic, mode, code):
    """Apollo's apps compare the messages, so those are its own words."""
    it = trusting(mode=mode)

    by_id = await it.ask(None, document_id="nobody")
    by_hash = await it.ask(None, extensions=automatic(other))

    assert (by_id.refused, by_hash.refused) == (code, code)
    words = {Code.PERSISTED_QUERY_NOT_FOUND: "PersistedQueryNotFound"}.get(code, "PersistedQueryNotSupported")
    assert by_hash.body["errors"][0]["message"] == words


@pytest.mark.parametrize(
    ("mode", "runs", "allowed"), [("off", True, []), ("log", True, [True]), ("prefer", True, [True])]
)
async def test_a_text_that_nobody_registered_runs_and_is_told(trusting, other, mode, runs, allowed):
    it = trusting(mode=mode)

    answer = await it.ask(other)

    assert answer.body == OTHER_ANSWER
    assert [event.allowed for event in told(it)] == allowed


async def test_only_registered_documents_run_where_policy_says_only(trusting, home, other):
    it = trusting(mode="only")

    assert (await it.ask(home)).body == NAME, "registered, so its text may be sent too"
    assert (await it.ask(other)).refused is Code.DOCUMENT_NOT_ALLOWED
    assert told(it) == [UntrustedDocument("r1", hash_of(other), allowed=False)]


async def test_a_scope_opens_the_door_for_other_texts(trusting, other):
    """The people who explore."""
    it = trusting(mode="only", adhoc_scopes=["explore", "debug"])

    assert (await it.ask(other, principal=STAFF)).body == OTHER_ANSWER
    assert (await it.ask(other)).refused is Code.DOCUMENT_NOT_ALLOWED


async def test_a_text_that_differs_by_a_space_is_another_document(trusting, home):
    assert (await trusting(mode="only").ask(f"{home} ")).refused is Code.DOCUMENT_NOT_ALLOWED


@pytest.mark.parametrize("mode", ["off", "log", "only"])
async def test_an_id_that_is_not_that_of_the_text_is_refused(trusting, home, other, automatic, mode):
    """Otherwise one client could give another one's hash a meaning."""
    it = trusting(mode=mode)

    assert (await it.ask(home, extensions=automatic(other))).refused is Code.BAD_REQUEST
    assert (await it.ask(home, document_id="nobody")).refused is Code.BAD_REQUEST


async def test_an_id_beside_its_own_text_is_fine(trusting, home):
    it = trusting(mode="only")

    assert (await it.ask(home, document_id="home-1")).body == NAME
    assert (await it.ask(home, document_id=f"sha256:{hash_of(home)}")).body == NAME


@pytest.mark.parametrize(
    "extension",
    [
        None,
        [],
        "x",
        {},
        {"version": 1},
        {"version": 1, "sha256Hash": 5},
        {"version": 1, "sha256Hash": ""},
        {"version": 1, "sha256Hash": "x" * 300},
        {"version": 2, "sha256Hash": "x"},
        {"version": "1", "sha256Hash": "x"},
        {"version": True, "sha256Hash": "x"},
    ],
)
async def test_a_malformed_hash_is_refused(trusting, extension):
    answer = await trusting(mode="log").ask(None, extensions={"persistedQuery": extension})

    assert answer.refused is Code.BAD_REQUEST


async def test_no_query_and_no_id_is_refused(trusting):
    assert (await trusting(mode="log").ask(None, extensions={"other": 1})).refused is Code.BAD_REQUEST


class TestAutomatic:
    """Documents that clients register themselves (APQ)."""

    async def test_hash_then_both_then_hash(self, trusting, other, automatic):
        it = trusting(apq=APQ)

        first = await it.ask(None, extensions=automatic(other))
        second = await it.ask(other, extensions=automatic(other))
        third = await it.ask(None, extensions=automatic(other))
        by_id = await it.ask(None, document_id=f"sha256:{hash_of(other)}")

        assert first.refused is Code.PERSISTED_QUERY_NOT_FOUND
        assert second.body == third.body == by_id.body == OTHER_ANSWER

    async def test_a_document_that_is_not_good_is_not_remembered(self, trusting, automatic):
        """Else the store fills with what nobody can run."""
        it = trusting(apq=APQ)
        bad = "{ nothing }"

        refused = await it.ask(bad, extensions=automatic(bad))
        again = await it.ask(None, extensions=automatic(bad))

        assert refused.refused is Code.GRAPHQL_VALIDATION_FAILED
        assert again.refused is Code.PERSISTED_QUERY_NOT_FOUND

    async def test_a_text_without_its_hash_is_not_remembered(self, trusting, other, automatic):
        it = trusting(apq=APQ)
        await it.ask(other)

        assert (await it.ask(None, extensions=automatic(other))).refused is Code.PERSISTED_QUERY_NOT_FOUND

    async def test_it_is_forgotten_after_its_time(self, trusting, other, automatic):
        it = trusting(apq={"enabled": True, "ttl": "1h"})
        await it.ask(other, extensions=automatic(other))

        await it.clock.run(it.clock.sleep(3599))
        before = await it.ask(None, extensions=automatic(other))
        await it.clock.run(it.clock.sleep(2))
        after = await it.ask(None, extensions=automatic(other))

        assert before.body == OTHER_ANSWER
        assert after.refused is Code.PERSISTED_QUERY_NOT_FOUND

    async def test_the_one_longest_unused_makes_room(self, trusting, automatic):
        it = trusting(apq={"enabled": True, "max_documents": 2})
        texts = [f"{{ name }} # {n}" for n in range(3)]
        for text in texts:
            await it.ask(text, extensions=automatic(text))

        codes = [(await it.ask(None, extensions=automatic(text))).refused for text in texts]

        assert codes == [Code.PERSISTED_QUERY_NOT_FOUND, None, None]

    async def test_other_processes_find_what_one_was_told(self, trusting, shared, other, automatic):
        one, another = trusting(shared, apq=APQ), trusting(shared, apq=APQ)

        await one.ask(other, extensions=automatic(other))

        assert (await another.ask(None, extensions=automatic(other))).body == OTHER_ANSWER
        shared.away = True
        assert (await another.ask(None, extensions=automatic(other))).body == OTHER_ANSWER, "it was kept near"

    async def test_a_store_that_is_away_costs_a_text_and_no_error(self, trusting, shared, other, automatic):
        it = trusting(shared, apq=APQ)
        shared.away = True

        assert (await it.ask(None, extensions=automatic(other))).refused is Code.PERSISTED_QUERY_NOT_FOUND
        assert (await it.ask(other, extensions=automatic(other))).body == OTHER_ANSWER
        assert (await it.ask(None, extensions=automatic(other))).body == OTHER_ANSWER

    async def test_a_text_in_the_store_under_a_wrong_hash_is_not_believed(
        self, trusting, shared, home, other, automatic
    ):
        """Whoever can write there must not choose what runs."""
        await shared.set({f"document:{hash_of(other)}": home.encode()}, 60)

        answer = await trusting(shared, apq=APQ).ask(None, extensions=automatic(other))

        assert answer.refused is Code.PERSISTED_QUERY_NOT_FOUND

    async def test_it_works_beside_registered_documents(self, trusting, home, other, automatic):
        it = trusting(mode="log", apq=APQ)
        await it.ask(other, extensions=automatic(other))

        assert (await it.ask(None, extensions=automatic(other))).body == OTHER_ANSWER
        assert (await it.ask(None, extensions=automatic(home))).body == NAME
