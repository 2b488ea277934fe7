"""Keys of programs: only hashes are kept, a change of the file counts at once, its loss changes nothing (AK-1)."""

import secrets

import pytest

from bff.auth.api_keys import make_key, now_utc, use_name, write_keys
from bff.auth.authenticator import CallerAuthenticator
from bff.events import ApiKeysRead
from bff.policy.api_keys import ApiKey
from bff.policy.problem import PolicyError
from bff.store.memory import MemoryStore

REFUSED = (401, "Bearer")


@pytest.fixture
def file(tmp_path):
    return tmp_path / "keys.yaml"


@pytest.fixture
def make(clock):
    """Return a function that makes a key."""

    def new(client="report", **kept):
        fixed = {"client": client, "created": now_utc(clock), **kept}
        return make_key(lambda hashed: ApiKey(hash=hashed, **fixed), "bff", secrets.token_urlsafe)

    return new


@pytest.fixture
def holding(door, file):
    """Return a function that opens an authenticator which knows these keys."""

    async def open_(*made, options=None, **arguments):
        write_keys(file, {key.id: key.kept for key in made})
        return await door({"api_keys": {"file": f"file:{file}"}, **(options or {})}, **arguments)

    return open_


async def test_a_key_says_which_program_calls(make, holding):
    made = make(scopes=("orders:read", "x"), tenant="acme")
    gate = await holding(made)

    principal = (await gate.ask(x_api_key=made.text)).principal

    assert (principal.issuer, principal.subject, principal.client) == ("keys", "report", "report")
    assert (principal.scopes, principal.tenant) == ({"orders:read", "x"}, "acme")
    assert (principal.expires, principal.token) == (None, None)


async def test_what_is_not_a_key_of_ours_is_refused_alike(make, holding):
    made, other = make(), make()
    gate = await holding(made)
    identity, _, secret = made.text.partition(".")
    wrong = [
        other.text,
        f"{identity}.{other.text.partition('.')[2]}",
        f"{other.text.partition('.')[0]}.{secret}",
        made.text[:-1],
        made.text + "x",
        identity,
        secret,
        f"{made.text}, {made.text}",
        made.kept.hash,
        "",
        "\u00e9",
    ]

    assert {(await gate.ask(x_api_key=one)).told for one in wrong} == {REFUSED}


async def test_a_key_ends_when_it_ends(make, holding, clock):
    made = make(expires="2023-11-14T22:13:50Z")  # half a minute from the clock's beginning
    gate = await holding(made)
    before = await gate.ask(x_api_key=made.text)

    await clock.advance(30)

    assert before.principal.expires == clock.wall()
    assert (await gate.ask(x_api_key=made.text)).told == REFUSED


async def test_old_and_new_key_work_side_by_side_until_one_is_ended(make, holding, file, clock):
    """A change without a gap; the end of a key counts within a second."""
    old, new = make(), make()
    gate = await holding(old, new)
    both = [(await gate.ask(x_api_key=key.text)).status for key in (old, new)]

    write_keys(file, {new.id: new.kept})
    await clock.advance(1)
    after = [(await gate.ask(x_api_key=key.text)).status for key in (old, new)]

    assert (both, after) == ([200, 200], [401, 200])
    assert gate.told(ApiKeysRead) == [ApiKeysRead(1, "")]


@pytest.mark.parametrize("damage", ["keys: {x", "keys: {short: {client: a}}", None])
async def test_a_file_that_breaks_later_ends_no_key(damage, make, holding, file, clock):
    made = make()
    gate = await holding(made)

    file.unlink()
    if damage is not None:
        file.write_text(damage, "utf-8")
    await clock.advance(1)

    assert (await gate.ask(x_api_key=made.text)).status == 200
    (event,) = gate.told(ApiKeysRead)
    assert "keys.yaml" in event.detail


async def test_a_file_that_is_broken_from_the_start_stops_the_start(door, file):
    """Lesson 17: never half a lock."""
    with pytest.raises(PolicyError, match="bff token key create"):
        await door({"api_keys": {"file": f"file:{file}"}})

    file.write_text("keys:\n  abcdefgh: {client: a, hash: plain, created: 2026-01-01T00:00:00Z}\n", "utf-8")
    with pytest.raises(PolicyError, match=r"keys\.yaml:2"):
        await door({"api_keys": {"file": f"file:{file}"}})


async def test_a_key_and_a_token_are_one_too_many(make, holding):
    made = make()
    gate = await holding(made)

    assert (await gate.ask("x.y.z", x_api_key=made.text)).told == (400, 'Bearer error="invalid_request"')


async def test_the_field_is_the_one_that_policy_names(make, holding, file):
    made = make()
    gate = await holding(made, options={"api_keys": {"file": f"file:{file}", "header": "x-partner-key"}})

    assert (await gate.ask(x_partner_key=made.text)).status == 200
    assert (await gate.ask(x_api_key=made.text)).told == REFUSED


async def test_the_last_use_is_noted_once_a_minute(make, holding, clock):
    made, store = make(), MemoryStore(clock)
    gate = await holding(made, open_store=lambda: store)
    uses = []
    for _ in range(4):
        await gate.ask(x_api_key=made.text)
        await clock.advance(25)
        uses.append(list((await store.get([use_name(made.id)])).values()))

    begun = 1_700_000_000
    assert uses == [[b"%d" % begun]] * 3 + [[b"%d" % (begun + 75)]]


async def test_nothing_that_is_kept_or_told_gives_a_key_away(make, holding, file, clock):
    made = make()
    gate = await holding(made)
    secret = made.text.partition(".")[2]
    wrong = await gate.ask(x_api_key=made.text[:-1] + ("A" if made.text[-1] != "A" else "B"))

    assert isinstance(gate.auth.authenticator, CallerAuthenticator)
    for text in (
        file.read_text("utf-8"),
        repr(gate.events),
        repr(vars(wrong.refusal)),
        repr(wrong.refusal.__cause__),
    ):
        assert secret[:20] not in text


def test_the_file_is_for_its_owner_alone_and_replaced_at_once(make, file):
    made = make()
    file.write_text("old", "utf-8")
    file.chmod(0o644)

    write_keys(file, {made.id: made.kept})

    assert file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in file.parent.iterdir()] == ["keys.yaml"]


def test_a_key_begins_so_that_scanners_find_it(make):
    made = make()

    assert made.text.startswith(f"bff_{made.id}.")
    assert len(made.text.partition(".")[2]) == 43
