"""Login in a real browser: issuer, BFF and a service as processes, cookies as the browser keeps them."""

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
from playwright.async_api import Browser, expect

from bff.testing.development_issuer import DevelopmentIssuer
from tests.web.conftest import ROOT, Visit
from upstreams.simulation.cluster import Cluster

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


@dataclass
class Demo:
    """Where the BFF and its issuer are."""

    url: str
    issuer: str


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """The reference application with one service, on free ports."""
    folder = tmp_path_factory.mktemp("login")
    (folder / "operations").mkdir()
    (folder / "operations" / "me.graphql").write_text("query Me { me { name } }", "utf-8")
    with DevelopmentIssuer(ROOT) as issuer, Cluster("accounts", latency="0ms", issuer=issuer.url) as services:
        policies = shutil.copytree(ROOT / "policies", folder / "policies")
        for file in policies.rglob("*.yaml"):
            text = file.read_text("utf-8").replace("http://127.0.0.1:9100", issuer.url)
            file.write_text(text.replace("http://127.0.0.1:9101", services.url("accounts")), "utf-8")
        command = [sys.executable, "-m", "bff.cli", "serve", "--development", "--port", "0", "--admin-port", "0"]
        options = ["--policies", str(policies), "--operations", str(folder / "operations")]
        with subprocess.Popen(
            [*command, *options],
            cwd=ROOT,
            env={**os.environ, **issuer.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout is not None
            ready = re.search(r"ready: (http://\S+/graphql)", process.stdout.readline())
            assert ready
            yield Demo(ready[1], issuer.url)
            process.terminate()
            process.terminate()


@pytest_asyncio.fixture(loop_scope="session")
async def guest(browser: Browser, demo: Demo) -> AsyncIterator[Visit]:
    """Somebody in front of the page who has not logged in; afterwards, that nothing forbidden happened."""
    context = await browser.new_context(viewport={"width": 1280, "height": 800})
    guest = Visit(await context.new_page(), demo.url, also=(demo.issuer,))
    await guest.watch()
    await guest.open()
    yield guest
    violations = await guest.violations()
    await context.close()
    assert (guest.elsewhere, guest.complaints, violations) == ([], [], [])


async def log_in(guest: Visit, name: str = "Lena Vogt") -> None:
    await guest.page.get_by_role("link", name="Log in").click()
    await guest.page.get_by_role("button", name=re.compile(name)).click()
    await expect(guest.page.get_by_role("button", name="Log out")).to_be_visible()


async def test_who_is_logged_in_is_said_and_their_operations_run(guest):
    await log_in(guest)
    await guest.page.get_by_role("button", name=re.compile("Execute query")).click()

    await expect(guest.page.locator(".bff-who")).to_contain_text("Lena Vogt")
    await expect(guest.page.locator(".graphiql-response .view-lines")).to_contain_text('"name": "Lena Vogt"')
    await expect(guest.page.get_by_role("status")).to_contain_text("whole")


async def test_the_browser_keeps_one_cookie_that_no_script_can_read(guest):
    """SE-1, on http://127.0.0.1: Chromium keeps `__Host-` and Secure cookies of this machine."""
    await log_in(guest)

    (cookie,) = await guest.page.context.cookies()

    assert (cookie["name"], cookie["path"]) == ("__Host-bff", "/")
    assert (cookie["secure"], cookie["httpOnly"], cookie["sameSite"]) == (True, True, "Strict")
    assert await guest.page.evaluate("document.cookie") == ""
    stored = await guest.page.evaluate("JSON.stringify({...localStorage, ...sessionStorage})")
    assert "eyJ" not in stored
    assert cookie["value"] not in stored


async def test_logout_ends_it_here_and_at_the_issuer(guest):
    await log_in(guest, "Emil")

    await guest.page.get_by_role("button", name="Log out").click()

    await expect(guest.page.get_by_role("link", name="Log in")).to_be_visible()
    assert guest.page.url.startswith(guest.url)
    assert await guest.page.context.cookies() == []


async def test_another_tab_is_logged_in_too_and_logged_out_too(guest):
    await log_in(guest)
    other = await guest.page.context.new_page()
    await other.goto(guest.url)
    await expect(other.get_by_role("button", name="Log out")).to_be_visible()

    await guest.page.get_by_role("button", name="Log out").click()
    await expect(guest.page.get_by_role("link", name="Log in")).to_be_visible()
    await other.reload()

    await expect(other.get_by_role("link", name="Log in")).to_be_visible()
    await other.close()


async def test_a_session_that_the_issuer_has_ended_is_noticed(guest, browser):
    """Back-channel logout: the same person logs out somewhere else."""
    await log_in(guest)
    await guest.page.context.clear_cookies()

    await guest.page.evaluate("dispatchEvent(new Event('focus'))")

    await expect(guest.page.get_by_role("link", name="Log in")).to_be_visible()


async def test_se5_an_attackers_return_address_is_worth_nothing_in_another_browser(guest, demo):
    """SE-5: whoever opens the link does not end up in the attacker's account."""
    async with httpx.AsyncClient(verify=False) as attacker:
        begun = await attacker.get(demo.url.replace("/graphql", "/auth/login"))
        page = await attacker.get(begun.headers["location"])
        login = page.text.split('name="login" value="')[1].split('"')[0]
        back = await attacker.post(f"{demo.issuer}/authorize", data={"login": login, "person": "u2"})

    answer = await guest.page.goto(back.headers["location"])

    assert answer.status == 400
    await expect(guest.page.get_by_role("heading")).to_have_text("This login did not work")
    assert await guest.page.context.cookies() == []
    guest.complaints.clear()  # the console mentions the 400


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_the_issuers_page_works_without_scripts_on_a_phone_and_by_keyboard(browser, demo, scheme):
    context = await browser.new_context(
        java_script_enabled=False, viewport={"width": 320, "height": 640}, color_scheme=scheme
    )
    page = await context.new_page()
    await page.goto(demo.url.replace("/graphql", "/auth/login"))
    main = await page.get_by_role("main").bounding_box()

    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")

    await page.wait_for_url(demo.url)
    assert main["width"] <= 320
    assert [cookie["name"] for cookie in await context.cookies()] == ["__Host-bff"]
    await context.close()


async def test_a_page_without_a_login_offers_none(visit):
    """Most applications have one, not all."""
    await expect(visit.page.get_by_role("link", name="Log in")).to_have_count(0)
