"""The panel "Faults" breaks services for the runs of one page, in a real browser before the real engine."""

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from playwright.async_api import Locator, Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

ROOT = Path(__file__).parents[2]
WHOLE = {"data": {"menu": ["Pasta", "Pizza"], "ratings": ["splendid"]}}


@pytest.fixture(scope="module")
def server():
    """The address of `/graphql` of `shop_app.py`, which runs in a process of its own."""
    if not (ROOT / "bff" / "web" / "dist" / "manifest.json").exists():
        pytest.fail("GraphiQL is not built: run `make web`", pytrace=False)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        arguments = ["--app-dir", str(Path(__file__).parent), "--lifespan", "off", "--log-level", "warning"]
        process = subprocess.Popen(
            [sys.executable, "-m", "uvicorn", "shop_app:app", "--fd", str(listener.fileno()), *arguments],
            pass_fds=[listener.fileno()],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/graphql"
    process.terminate()
    process.wait(10)


def panel(page: Page) -> Locator:
    return page.get_by_role("region", name="Faults")


def badge(page: Page) -> Locator:
    return page.get_by_role("group", name="Broken on purpose")


def answer(page: Page) -> Locator:
    return page.locator(".graphiql-response .view-lines")


async def pick(page: Page, upstream: str, fault: str) -> None:
    if not await panel(page).is_visible():
        await page.get_by_role("button", name="Show Faults").click()
    await panel(page).get_by_label(upstream).select_option(fault)


async def run(page: Page) -> None:
    await page.get_by_role("button", name=re.compile("Execute query")).click()


async def test_picking_reviews_503_shows_her_the_real_partial_answer_and_nobody_else(visit):
    page = visit.page
    await pick(page, "reviews", "503")

    await run(page)

    await expect(answer(page)).to_contain_text('"ratings": null')
    await expect(answer(page)).to_contain_text("Pasta")
    await expect(answer(page)).to_contain_text("UPSTREAM_UNAVAILABLE")
    await expect(page.get_by_role("status")).to_contain_text("partial: reviews")
    await expect(page.get_by_role("status")).to_contain_text("on purpose: reviews 503")
    async with httpx.AsyncClient() as other:
        found = await other.post(visit.url, json={"query": "query Screen { menu ratings }"})
    assert found.json() == WHOLE


async def test_a_badge_says_so_until_one_click_mends_everything(visit):
    page = visit.page
    await expect(badge(page)).to_have_count(0)
    await pick(page, "reviews", "503")
    await pick(page, "catalog", "slow, 2 s")

    await expect(badge(page)).to_contain_text("reviews: 503, catalog: slow, 2 s")
    await expect(badge(page)).to_contain_text(re.compile(r"10:00|9:\d\d"))
    await badge(page).get_by_role("button", name="Clear").click()

    await expect(badge(page)).to_have_count(0)
    await expect(panel(page).get_by_label("reviews")).to_have_value("")
    await run(page)
    await expect(answer(page)).to_contain_text("splendid")
    await expect(page.get_by_role("status")).to_contain_text("whole")


async def test_each_run_carries_a_grant_that_ends_soon(visit):
    """A header that somebody copies is refused a minute later."""
    page = visit.page
    await pick(page, "reviews", "garbage")
    await panel(page).get_by_label("as if nothing old were kept").check()

    async with page.expect_request(lambda request: request.method == "POST") as sent:
        await run(page)

    request = await sent.value
    header = request.headers["x-bff-faults"]
    assert re.fullmatch(r"reviews=garbage;cache=empty;until=\d{10}", header)
    until = int(header.rpartition("=")[2])
    now = await page.evaluate("Date.now() / 1000")
    assert now - 30 < until <= now + 62


async def test_it_ends_by_itself(visit):
    page = visit.page
    await page.clock.install()
    await pick(page, "reviews", "no answer")
    await expect(badge(page)).to_be_visible()

    await page.clock.fast_forward("10:01")

    await expect(badge(page)).to_have_count(0)


async def test_it_can_be_used_by_keyboard_alone(visit):
    page = visit.page
    await page.get_by_role("button", name="Show Faults").press("Enter")
    await panel(page).get_by_label("catalog").focus()
    await page.keyboard.press("Tab")
    await expect(panel(page).get_by_label("reviews")).to_be_focused()
    await page.keyboard.press("5")

    await expect(badge(page)).to_contain_text("reviews: 503")
    await badge(page).get_by_role("button", name="Clear").press("Enter")

    await expect(badge(page)).to_have_count(0)
