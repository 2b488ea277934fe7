"""The console in a real browser, over two workers of a real process: signed in, read, steered."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, Route, expect

from bff.testing.development_issuer import DevelopmentIssuer
from tests.web.conftest import ROOT, Visit
from upstreams.simulation.cluster import Cluster

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

PATIENCE = 20_000
"""Milliseconds: figures come once a second, on a machine that may be busy."""

CONSOLE = "read: [orders:read]\nact: [deliveries:write]\n"
"""The support person of the development issuer may look, the courier may act."""


@dataclass
class Process:
    """Where everything is, and who may come in."""

    url: str
    admin: str
    issuer: DevelopmentIssuer
    services: Cluster

    def ask(self) -> dict:
        """Ask for what the accounts service says; return the answer."""
        headers = self.issuer.headers("customer")
        answer = httpx.post(self.url, json={"query": "query Me { me { name } }"}, headers=headers, timeout=30)
        return answer.json()

    def calls(self) -> int:
        """Return how often the accounts service was asked for it."""
        return self.services.stats("accounts")["arrivals"].get("GET /me", 0)


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """Two workers of the reference application with one service, and a console with roles."""
    folder = tmp_path_factory.mktemp("console")
    with DevelopmentIssuer(ROOT) as issuer, Cluster("accounts", latency="0ms", issuer=issuer.url) as services:
        policies = shutil.copytree(ROOT / "policies", folder / "policies")
        (policies / "console.yaml").write_text(CONSOLE, "utf-8")
        for file in policies.rglob("*.yaml"):
            text = file.read_text("utf-8").replace("http://127.0.0.1:9100", issuer.url)
            file.write_text(text.replace("http://127.0.0.1:9101", services.url("accounts")), "utf-8")
        accounts = policies / "upstreams" / "accounts.yaml"
        text = re.sub(r"^cache:.*\n([ \t].*\n|\n)*", "", accounts.read_text("utf-8"), flags=re.MULTILINE)
        accounts.write_text(f"{text}\ncache: {{scope: off}}\n", "utf-8")
        command = [sys.executable, "-m", "bff.cli", "serve", "--port", "0", "--admin-port", "0", "--workers", "2"]
        with subprocess.Popen(
            [*command, "--policies", str(policies)],
            cwd=ROOT,
            env={**os.environ, **issuer.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        ) as started:
            assert started.stdout is not None
            ready = re.search(r"ready: (\S+) \(admin: ([^)]+)\)", started.stdout.readline())
            assert ready
            yield Process(ready[1], ready[2], issuer, services)
            started.terminate()
            started.terminate()


@pytest_asyncio.fixture(loop_scope="session")
async def console(browser: Browser, process: Process) -> AsyncIterator[Visit]:
    """Somebody in front of the page who has not signed in; afterwards, that nothing forbidden happened."""
    context = await browser.new_context(viewport={"width": 1280, "height": 900})
    visit = Visit(await context.new_page(), f"{process.admin}/console")
    visit.also = (process.admin,)
    visit.page.set_default_timeout(PATIENCE)
    await visit.watch()
    await visit.page.goto(visit.url)
    yield visit
    violations = await visit.violations()
    await context.close()
    assert (visit.elsewhere, visit.complaints, violations) == ([], [], [])


async def sign_in(page: Page, process: Process, role: str) -> None:
    await page.get_by_label("Access token").fill(process.issuer.token(role))
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("article", name="accounts")).to_be_visible(timeout=PATIENCE)


def accounts(page: Page):
    return page.get_by_role("article", name="accounts")


async def test_who_may_not_look_is_told_why_and_how(console):
    await expect(console.page.get_by_role("alert")).to_contain_text("Sign in")
    await expect(console.page.get_by_label("Access token")).to_be_focused()


async def test_a_token_without_the_scope_is_told_which_one(console, process):
    await console.page.get_by_label("Access token").fill(process.issuer.token("customer"))
    await console.page.keyboard.press("Enter")

    await expect(console.page.get_by_role("alert")).to_contain_text("deliveries:write or orders:read")


async def test_whoever_may_only_look_sees_why_they_cannot_act(console, process):
    await sign_in(console.page, process, "support")
    button = console.page.get_by_role("button", name="Force breaker default of accounts open")

    await expect(console.page.get_by_text("You may look, not act.")).to_be_visible()
    await expect(button).to_be_disabled()
    await expect(button).to_have_accessible_description("Acting needs the scope deliveries:write.")
    await button.click(force=True)
    await expect(console.page.get_by_role("dialog")).to_have_count(0)


async def test_figures_move_and_both_workers_are_in_them(console, process):
    await sign_in(console.page, process, "support")
    assert process.ask()["data"]["me"]["name"]

    await expect(console.page.locator(".connection")).to_have_text("live")
    await expect(console.page.locator(".foot")).to_contain_text("2 workers")
    await console.page.get_by_role("tab", name="Operations").click()
    await expect(console.page.get_by_role("rowheader", name="Me")).to_be_visible(timeout=PATIENCE)


async def test_a_breaker_is_forced_by_keyboard_alone_and_the_service_is_left_alone(console, process):
    """CB-16, in all workers: whichever of them a request reaches."""
    page = console.page
    await sign_in(page, process, "courier")
    await page.get_by_role("button", name="Force breaker default of accounts open").focus()
    await page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Force open: breaker default of accounts")
    await expect(dialog.get_by_role("button", name="Force open")).to_be_disabled()
    await page.keyboard.type("accounts")
    await page.keyboard.press("Enter")
    await expect(accounts(page)).to_contain_text("forced open")
    before = process.calls()

    answers = [process.ask() for _ in range(12)]

    assert [one["errors"][0]["extensions"]["code"] for one in answers] == ["CIRCUIT_OPEN"] * 12
    assert process.calls() == before

    await page.get_by_role("button", name="Set breaker default of accounts to automatic").focus()
    await page.keyboard.press("Enter")
    await page.get_by_role("dialog").get_by_role("button", name="Set to automatic").press("Enter")
    await expect(page.get_by_role("button", name="Force breaker default of accounts open")).to_be_visible()
    assert "errors" not in process.ask()

    await page.get_by_role("tab", name="Services").focus()
    await page.keyboard.press("ArrowLeft")
    await expect(page.get_by_role("tab", name="Actions")).to_be_focused()
    rows = page.get_by_role("row").filter(has_text="breakers")
    await expect(rows.first).to_contain_text("done (200)")
    await expect(rows.nth(1)).to_contain_text("group default, state open")


async def test_escape_leaves_everything_as_it_was(console, process):
    await sign_in(console.page, process, "courier")
    button = console.page.get_by_role("button", name="Force breaker default of accounts open")
    await button.click()
    await console.page.keyboard.press("Escape")

    await expect(console.page.get_by_role("dialog")).to_have_count(0)
    await expect(button).to_be_focused()
    assert "errors" not in process.ask()


async def test_an_error_tells_its_story(console, process):
    process.services.break_with("accounts", {"kind": "status", "status": 500})
    answer = process.ask()
    process.services.heal("accounts")
    await sign_in(console.page, process, "support")
    await console.page.get_by_role("tab", name="Errors").click()
    await console.page.get_by_role("button", name=re.compile("UPSTREAM_ERROR Me me")).first.click()

    await expect(console.page.locator(".story")).to_contain_text("status 500")
    assert answer["errors"][0]["extensions"]["errorId"] in await console.page.locator(".story code").inner_text()


async def test_policies_are_shown_with_file_and_line(console, process):
    await sign_in(console.page, process, "support")
    await console.page.get_by_role("tab", name="Policies").click()
    await console.page.get_by_label("Policy").select_option("accounts")
    await console.page.get_by_label("Find").fill("cache.scope")

    row = console.page.get_by_role("row").filter(has_text="cache.scope")
    await expect(row).to_contain_text("off")
    await expect(row).to_contain_text(re.compile(r"accounts\.yaml:\d+"))


@pytest.mark.parametrize(("scheme", "dark"), [("light", False), ("dark", True)])
async def test_a_phone_needs_no_sideways_scrolling(console, process, scheme, dark):
    page = console.page
    await page.set_viewport_size({"width": 390, "height": 844})
    await page.emulate_media(color_scheme=scheme)
    await sign_in(page, process, "support")
    red, *_ = re.findall(r"\d+", await page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert (int(red) < 100) is dark
    for tab in ("Services", "Operations", "Errors", "Callers & cache", "Policies", "Actions"):
        await page.get_by_role("tab", name=tab).click()
        await expect(page.get_by_role("tabpanel", name=tab)).to_be_visible()
        assert await page.evaluate("document.documentElement.scrollWidth") == 390


async def test_a_lost_connection_is_said_and_found_again(console, process):
    """The old figures stay, greyed out and with their age; nobody acts on them."""
    page, cut = console.page, []

    async def break_off(route: Route) -> None:
        """One snapshot, then nothing for as long as the line is cut."""
        if len(cut) < 2:
            told = await route.fetch(url=f"{process.admin}/admin/api/snapshot")
            body = f"event: snapshot\ndata: {await told.text()}\n\n" if not cut else ""
            cut.append(body)
            await route.fulfill(body=body, content_type="text/event-stream")
        else:
            await route.fallback()

    await page.route("**/admin/api/live", break_off)
    await sign_in(page, process, "courier")

    await expect(page.locator(".connection")).to_contain_text("connection lost; figures are")
    await expect(page.locator("main")).to_have_attribute("data-stale", "true")
    await expect(page.locator(".connection")).to_have_text("live", timeout=PATIENCE)
    assert len(cut) == 2
