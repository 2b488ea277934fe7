"""`bff check` says what is open to everybody, and which doors nobody could ever open."""

import pytest


@pytest.fixture
def guarded(app):
    """An application whose list of dishes requires a login, and one dish a policy."""
    return (
        app.replace("from bff import Context", "from bff import access_policy, authenticated, requires_policy")
        .replace("requires_policy, Upstream", "requires_policy, with_policies, Context, Upstream")
        .replace('description="All of them.")', 'description="All of them.", directives=[authenticated()])')
        .replace('description="One dish.")', 'description="One dish.", directives=[requires_policy("cooks")])')
        .replace("schema = strawberry.Schema(query=Query)", POLICY)
    )


POLICY = """
@access_policy("cooks")
async def cooks(principal, asked):
    return True


schema = with_policies(strawberry.Schema(query=Query), cooks)
"""


def test_what_is_open_to_everybody_is_listed_once_something_is_not(project, guarded):
    """Information, not a finding: the check succeeds."""
    result = project({"app.py": guarded}).bff("check", "--format", "json")

    assert result.code == 0
    (note,) = [one for one in result.json["findings"] if one["rule"] == "public-field"]
    assert (note["level"], note["file"], note["message"]) == (
        "note",
        "app.py",
        "Query.search is open to everybody",
    )


def test_public_fields_say_which_services_they_call(project, guarded):
    opened = guarded.replace(', directives=[requires_policy("cooks")]', "")

    result = project({"app.py": opened}).bff("check")

    assert result.code == 0
    assert "note: Query.dish is open to everybody and calls catalog." in result.out


def test_a_misspelt_policy_is_found_where_it_is_written(project, guarded):
    broken = guarded.replace('requires_policy("cooks")', 'requires_policy("coks")')
    line = next(at for at, text in enumerate(broken.splitlines(), 1) if "coks" in text)

    result = project({"app.py": broken}).bff("check")

    assert result.code == 1
    assert (
        f"app.py:{line}:1: error: Query.dish requires access policy 'coks', which the schema does not have; did "
        "you mean 'cooks'? Fix: write cooks" in result.out
    )


def test_credentials_of_the_client_that_travel_on_are_noted(project):
    """UC-1: it works, and there is something better."""
    policy = "hosts: [https://catalog.internal]\nforward:\n  headers: [authorization, cookie]\n"

    result = project({"policies/upstreams/catalog.yaml": policy}).bff("check")

    assert result.code == 0
    place = "policies/upstreams/catalog.yaml:3:3: note: catalog gets"
    assert (
        f"{place} the client's token, whomever it is meant for. Fix: write credentials: {{mode: forward, "
        "audience: NAME}" in result.out
    )
    assert f"{place} the client's session, whomever it is meant for." in result.out
