"""The lock of the admin port, over HTTP."""

import pytest
from fastapi import APIRouter

from bff.policy.console import ConsolePolicy
from bff.policy.load import PolicySet
from bff.server.colleagues import KEY_HEADER, Colleagues, Place
from tests.console.conftest import UPSTREAMS

LOCKED = PolicySet(upstreams=UPSTREAMS, console=ConsolePolicy(hosts=("console.example.com",)))
FORCE = {"upstream": "catalog", "group": "default", "state": "open"}


@pytest.fixture
def locked(make_world):
    return make_world(policies=LOCKED)


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/startupz"])
async def test_probes_are_open_to_everybody(locked, path):
    async with locked.client("10.0.0.9", "http://whatever.example.com") as client:
        assert (await client.get(path)).status_code in {200, 503}
        assert "detail" not in (await client.get(path)).json()


async def test_the_page_is_open_and_says_nothing(locked):
    async with locked.client("10.0.0.9") as client:
        page = await client.get("/console")
        me = await client.get("/console/me")

    assert "not built" in page.text
    assert me.json()["role"] == "none"
    assert me.json()["credentials"] is True


@pytest.mark.parametrize(
    ("token", "looking", "acting"),
    [(None, 401, 401), ("wrong", 401, 401), ("neither", 403, 403), ("looks", 200, 403), ("acts", 200, 200)],
)
async def test_roles_come_from_scopes(locked, token, looking, acting):
    async with locked.client("10.0.0.9") as client:
        headers = {"authorization": f"Bearer {token}"} if token else {}
        seen = await client.get("/admin/api/snapshot", headers=headers)
        done = await client.post("/admin/api/breakers", json=FORCE, headers=headers)

    assert (seen.status_code, done.status_code) == (looking, acting)
    assert ("www-authenticate" in seen.headers) is (looking == 401)
    if acting != 200:
        assert done.json()["detail"]
        assert locked.upstreams["catalog"].pipelines.circuits["default"].state == "closed"


async def test_with_policy_being_on_this_machine_is_not_enough(locked):
    async with locked.client() as client:
        assert (await client.get("/admin/api/snapshot")).status_code == 401


async def test_a_host_that_nobody_knows_is_refused_whoever_asks(world, locked):
    """DNS rebinding: the page's own name means this machine all of a sudden."""
    for one, credentials in ((world, {}), (locked, {"authorization": "Bearer acts"})):
        async with one.client(base="http://evil.example.com:8001", **credentials) as client:
            for path in ("/admin/api/snapshot", "/console", "/console/me"):
                answer = await client.get(path)
                assert (answer.status_code, "evil" in answer.json()["detail"]) == (421, True)
    async with locked.client(base="http://console.example.com", authorization="Bearer looks") as client:
        assert (await client.get("/admin/api/snapshot")).status_code == 200


async def test_without_policy_this_machine_may_look_and_programs_may_act(world):
    async with world.client() as program, world.page() as page, world.client("10.0.0.9") as elsewhere:
        assert (await page.get("/admin/api/snapshot")).status_code == 200
        assert (await page.post("/admin/api/breakers", json=FORCE)).status_code == 403
        assert (await elsewhere.get("/admin/api/snapshot")).status_code == 403
        assert (await program.post("/admin/api/breakers", json=FORCE)).status_code == 200


async def test_in_development_a_page_may_act_if_it_is_our_own(make_world):
    world = make_world(development=True)
    async with world.page() as ours, world.page(origin="https://evil.example.com") as theirs:
        refused = await theirs.post("/admin/api/breakers", json=FORCE)
        done = await ours.post("/admin/api/breakers", json=FORCE)

    assert (refused.status_code, done.status_code) == (403, 200)


async def test_a_page_that_forgets_the_header_does_not_act(make_world):
    """SE-3."""
    async with make_world(development=True).page(x_bff_csrf="") as page:
        answer = await page.post("/admin/api/breakers", json=FORCE)

    assert answer.status_code == 403
    assert "X-BFF-CSRF" in answer.json()["detail"]


async def test_scopes_without_anybody_who_vouches_let_nobody_in(locked):
    locked.authenticator = None
    async with locked.client(authorization="Bearer acts") as client:
        answer = await client.get("/admin/api/snapshot")

    assert answer.status_code == 403
    assert "auth.yaml" in answer.json()["detail"]


async def test_a_colleague_is_known_by_the_key_alone(make_world):
    colleagues = Colleagues()
    colleagues.join(Place(0, (1,), "the-key"))
    world = make_world(policies=LOCKED, colleagues=colleagues)

    async with world.client() as client:
        answers = [
            await client.get("/admin/api/snapshot?alone=1", headers={KEY_HEADER: key})
            for key in ("the-key", "another", "")
        ]

    assert [answer.status_code for answer in answers] == [200, 401, 401]


async def test_without_colleagues_no_key_opens(locked):
    async with locked.client(**{KEY_HEADER: ""}) as client:
        assert (await client.get("/admin/api/snapshot")).status_code == 401


async def test_every_action_is_told_done_or_not(locked):
    async with locked.client("10.0.0.9") as client:
        for token, body in (("acts", FORCE), ("looks", FORCE), ("acts", {**FORCE, "upstream": "catalgo"})):
            await client.post("/admin/api/breakers", json=body, headers={"authorization": f"Bearer {token}"})
        await client.delete("/admin/api/breakers", headers={"authorization": "Bearer acts"})
        told = (await client.get("/admin/api/audit", headers={"authorization": "Bearer looks"})).json()["actions"]

    assert [(one.who.split()[0], one.action, one.result, one.status) for one in locked.acted] == [
        ("bo", "breakers", "done", 200),
        ("ada", "breakers", "refused", 403),
        ("bo", "breakers", "failed", 404),
        ("bo", "DELETE breakers", "failed", 404),
    ]
    assert {one.peer for one in locked.acted} == {"10.0.0.9"}
    assert '"state": "open"' in locked.acted[0].detail or '"state":"open"' in locked.acted[0].detail
    assert [one["result"] for one in told] == ["failed", "failed", "refused", "done"]


async def test_no_credentials_stand_in_the_audit_log(locked):
    async with locked.client(authorization="Bearer acts") as client:
        await client.post("/admin/api/breakers", json={"password": "hunter2-and-more", "x": "y" * 2000})

    assert "hunter2" not in locked.acted[0].detail
    assert len(locked.acted[0].detail) < 600


async def test_looking_is_not_an_action(world):
    async with world.client() as client:
        await client.get("/admin/api/snapshot")
        await client.get("/console/me")

    assert world.acted == []


async def test_the_page_is_told_what_this_build_has(make_world):
    """A panel is drawn only over routes that are there: a browser's console would name each 404."""
    routes = APIRouter(prefix="/admin/api/experiments")

    @routes.get("")
    def listed():
        return {}

    async with make_world(routers=(routes,)).client() as client:
        features = (await client.get("/console/me")).json()["features"]

    assert features == {"reload": False, "experiments": True, "shadow": False, "canary": False}
