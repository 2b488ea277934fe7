"""The catalogue is everybody's; what is a customer's requires a login, and changes require a scope."""

import pytest

from bff.context import ANONYMOUS
from bff.testing import principal

CHANGES = ("checkout", "cancel-order", "pay-order", "write-review", "register-device")


@pytest.fixture
def changes(screen):
    """Return the operations that change something."""
    return {name: screen(name) for name in CHANGES}


async def test_nobody_reads_what_is_a_customers(app, services):
    """Must-show 4: null and one error at each field, and the services were not asked."""
    app.caller = ANONYMOUS

    data, errors = await app.run('{ me { name } order(id: "o1") { status } restaurants(first: 1) { totalCount } }')

    assert data["me"] is None
    assert data["order"] is None
    assert data["restaurants"]["totalCount"] == 60
    assert sorted((error["path"], error["extensions"]["code"]) for error in errors) == [
        (["me"], "UNAUTHENTICATED"),
        (["order"], "UNAUTHENTICATED"),
    ]
    assert {name for name, _ in services.calls} == {"catalog"}


async def test_changes_need_their_scopes(app, services, changes):
    """Somebody who is logged in and was granted nothing: every change is forbidden, and no service is asked."""
    app.caller = principal("u1", auth_time=app.clock.wall())

    for document, variables in changes.values():
        data, errors = await app.run(document, **variables)
        assert list(data.values()) == [None]
        assert [error["extensions"]["code"] for error in errors] == ["FORBIDDEN"]

    assert not services.calls


async def test_paying_needs_a_login_of_the_last_hour(app, services, changes):
    """SU-1; everything else goes on to work with the old one."""
    app.caller = principal("u1", scopes=["payments:write", "orders:write"], auth_time=app.clock.wall() - 7200)
    document, variables = changes["pay-order"]

    data, errors = await app.run(document, **variables)

    assert list(data.values()) == [None]
    assert errors[0]["extensions"]["code"] == "STEP_UP_REQUIRED"
    assert errors[0]["extensions"]["maxAge"] == 3600
    assert not services.calls


async def test_a_courier_is_called_by_people_only(app):
    """A program that calls with a key of its own is told the name, and not the number."""
    app.caller = type(app.caller)("keys", "partner", client="partner")

    data, errors = await app.run('{ node(id: "c1") { ...on Courier { name } } }')
    assert (data, errors) == ({"node": {"name": "Ada"}}, [])
    data, errors = await app.run('{ node(id: "c1") { ...on Courier { phone } } }')

    assert data == {"node": None}
    assert [error["extensions"]["code"] for error in errors] == ["FORBIDDEN"]
