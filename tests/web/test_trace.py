"""The panel "Trace" draws what the server says became of each call, in a real browser."""

import re

import pytest
import pytest_asyncio
from playwright.async_api import Locator, Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


def panel(page: Page) -> Locator:
    return page.get_by_role("region", name="Trace")


async def show(page: Page) -> None:
    await page.get_by_role("button", name="Show Trace").click()


async def run(page: Page) -> None:
    await page.get_by_role("button", name=re.compile("Execute query")).click()
    await expect(page.get_by_role("status")).to_contain_text(re.compile(r"\d ms|\d s"))


def row(page: Page, endpoint: str) -> Locator:
    return panel(page).locator(f"[data-endpoint='{endpoint}']")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def ran(shared_visit):
    """The page after its first operation has run, with the panel open; only to be looked at."""
    await run(shared_visit.page)
    await show(shared_visit.page)
    return shared_visit


async def test_before_a_run_the_panel_says_what_will_be_there(visit):
    await show(visit.page)

    await expect(panel(visit.page)).to_contain_text("Run an operation: its calls to services are drawn here.")


async def test_each_call_is_a_bar_with_its_attempts_in_its_wave(ran):
    drawing = panel(ran.page).get_by_role("img", name="4 calls in 120.5 ms")
    await expect(drawing).to_be_visible()
    await expect(drawing.locator(".bff-call")).to_have_count(4)
    await expect(drawing.locator(".bff-wave-name")).to_have_text(["wave 1", "wave 2"])
    await expect(row(ran.page, "couriers.couriers_by_id").locator(".bff-attempt")).to_have_count(2)
    await expect(row(ran.page, "accounts.me").locator(".bff-attempt")).to_have_count(0)


@pytest.mark.parametrize(
    ("endpoint", "kind"),
    [
        ("catalog.restaurants", "ok"),
        ("accounts.me", "kept"),
        ("couriers.couriers_by_id", "failed"),
        ("reviews.for_restaurants", "old"),
    ],
)
async def test_a_bar_says_how_its_call_went(ran, endpoint, kind):
    """Not by colour alone: failures are named beside their bar."""
    await expect(row(ran.page, endpoint)).to_have_attribute("data-kind", kind)
    if kind == "failed":
        await expect(row(ran.page, endpoint).locator("text")).to_contain_text("GATEWAY_ERROR")


async def test_bars_stand_where_their_times_say(ran):
    first = await row(ran.page, "catalog.restaurants").locator(".bff-bar").bounding_box()
    later = await row(ran.page, "couriers.couriers_by_id").locator(".bff-bar").bounding_box()
    assert first["x"] + first["width"] <= later["x"]
    assert later["width"] / first["width"] == pytest.approx(80.0 / 30.2, rel=0.05)
    whole = await panel(ran.page).get_by_role("img").bounding_box()
    assert later["x"] + later["width"] <= whole["x"] + whole["width"] + 1


async def test_everything_is_also_told_in_words(ran):
    await panel(ran.page).get_by_text("In words").click()

    item = panel(ran.page).get_by_role("listitem").filter(has_text="couriers.couriers_by_id")
    for words in (
        "wave 2",
        "couriers-1: GATEWAY_ERROR 503 in 20 ms",
        "sent again after 27.9 ms",
        "breaker half_open",
    ):
        await expect(item).to_contain_text(words)


async def test_the_answer_itself_stays_free_of_the_trace(ran):
    """Whoever reads the answer wants the answer."""
    response = ran.page.locator(".graphiql-response .view-lines")
    await expect(response).to_contain_text("Good evening")
    assert "requestId" not in await response.inner_text()


async def test_an_answer_without_trace_says_so(visit):
    await visit.page.get_by_role("tab", name="Broken").click()
    await expect(visit.page.locator(".graphiql-query-editor .view-lines")).to_contain_text("Broken")
    await run(visit.page)
    await show(visit.page)

    await expect(panel(visit.page)).to_contain_text("The server told no trace of this answer")


async def test_each_tab_keeps_its_own_trace(visit):
    await run(visit.page)
    await show(visit.page)
    await expect(panel(visit.page)).to_contain_text("4 calls")

    await visit.page.get_by_role("tab", name="Broken").click()
    await expect(panel(visit.page)).to_contain_text("Run an operation")

    await visit.page.get_by_role("tab", name="Home").click()
    await expect(panel(visit.page)).to_contain_text("4 calls")
