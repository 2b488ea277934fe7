"""`bff token key`: a secret is shown once, its hash is kept, and two keys let a program change over."""

import re

import pytest

AUTH = {"policies/auth.yaml": "api_keys: {file: file:keys.yaml}\n"}
KEY = re.compile(r"bff_([A-Za-z0-9]{12})\.[A-Za-z0-9_-]{43}")


@pytest.fixture
def keyed(project):
    return project(AUTH)


def test_a_key_is_shown_once_and_kept_as_a_hash(keyed):
    result = keyed.bff("token", "key", "create", "report", "--scope", "orders:read", "--expires", "90d")

    assert result.code == 0
    found = KEY.match(result.out)
    kept = (keyed.directory / "keys.yaml").read_text("utf-8")
    assert found[1] in kept
    assert found[0].partition(".")[2] not in kept
    assert "client: report" in kept
    assert "scopes: [orders:read]" in kept
    assert found[0] not in keyed.bff("token", "key", "list").out


def test_a_program_has_two_keys_at_most(keyed):
    first = keyed.bff("token", "key", "create", "report", "--format", "json").json["id"]
    second = keyed.bff("token", "key", "create", "report", "--format", "json").json["id"]

    third = keyed.bff("token", "key", "create", "report")
    other = keyed.bff("token", "key", "create", "another")
    ended = keyed.bff("token", "key", "revoke", first)
    again = keyed.bff("token", "key", "create", "report")

    assert third.code == 2
    assert first in third.err
    assert second in third.err
    assert [other.code, ended.code, again.code] == [0, 0, 0]


def test_the_list_is_for_people_and_programs(keyed):
    made = keyed.bff("token", "key", "create", "report", "--tenant", "acme", "--format", "json").json

    rows = keyed.bff("token", "key", "list", "--format", "json").json["keys"]
    table = keyed.bff("token", "key", "list").out

    assert [(row["id"], row["client"], row["state"], row["used"]) for row in rows] == [
        (made["id"], "report", "active", None)
    ]
    assert made["header"] == "x-api-key"
    assert made["id"] in table


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("create", "a b"), "client 'a b' cannot be used"),
        (("create", "a", "--scope", 'a"b'), "scopes"),
        (("create", "a", "--expires", "soon"), "--expires: 'soon' is not a duration"),
        (("revoke", "nobody"), "there is no key 'nobody' in keys.yaml; there are: "),
    ],
)
def test_what_cannot_be_done_is_said(arguments, said, keyed):
    keyed.bff("token", "key", "create", "report")

    result = keyed.bff("token", "key", *arguments)

    assert result.code == 2
    assert said in result.err


def test_without_a_place_for_keys_it_says_what_to_write(project):
    result = project({"policies/auth.yaml": "anonymous: allow\n"}).bff("token", "key", "create", "report")

    assert result.code == 2
    assert "api_keys: {file: file:keys.yaml}" in result.err


def test_the_check_misses_a_file_of_keys_and_reads_it(keyed):
    missing = keyed.bff("check", "--format", "json")
    (keyed.directory / "keys.yaml").write_text("keys: {abcdefgh: {client: a}}\n", "utf-8")
    broken = keyed.bff("check", "--format", "json")
    (keyed.directory / "keys.yaml").unlink()
    keyed.bff("token", "key", "create", "report")
    fine = keyed.bff("check", "--format", "json")

    assert missing.findings == [("error", "authentication", "policies/auth.yaml:1:18")]
    assert broken.findings == [("error", "authentication", "policies/auth.yaml:1:18")]
    assert "keys.yaml:1" in broken.json["findings"][0]["message"]
    assert fine.code == 0


def test_the_check_notes_that_nobody_looks_at_credentials(project):
    """It does not fail for it: whoever means it writes `anonymous: allow`."""
    silent = project({"policies/auth.yaml": None}).bff("check", "--format", "json")

    assert silent.findings == [("note", "no-authentication", "policies/auth.yaml:1:1")]
    assert silent.code == 0
