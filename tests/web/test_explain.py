"""The panel "Explain" in a real browser, beside a real `bff serve` whose services are not even there."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

ROOT = Path(__file__).parents[2]
READY = re.compile(r"ready: (http://\S+/graphql)")
pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """The address of `/graphql` of the reference application, without its services and without logins."""
    policies = tmp_path_factory.mktemp("app") / "policies"
    shutil.copytree(ROOT / "policies", policies, ignore=shutil.ignore_patterns("auth.yaml"))
    command = [sys.executable, "-m", "bff.cli", "serve", "--port", "0", "--admin-port", "0", "--development"]
    command += ["--policies", str(policies)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("BFF_")}
    process = subprocess.Popen(
        command, cwd=ROOT, env={**environment, "PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, text=True
    )
    line = process.stdout.readline()
    yield READY.search(line)[1]
    process.terminate()
    process.terminate()
    process.wait(10)
    process.stdout.close()


async def open_panel(page: Page) -> None:
    await page.get_by_role("button", name="Show Explain").click()


async def test_the_open_operation_is_drawn_before_it_runs(visit):
    await open_panel(visit.page)

    panel = visit.page.get_by_role("region", name="Explain")
    drawing = panel.get_by_role("img")
    await expect(drawing).to_have_accessible_name(re.compile("13 steps in 3 waves; at worst 3 s"))
    for text in ("wave 1", "accounts.me", "wave 3", "catalog.restaurants_by_id", "1 to 2 calls", "deadline 3 s"):
        await expect(drawing).to_contain_text(text)
    await expect(panel).to_contain_text("14 to 15 calls")
    await expect(panel).to_contain_text("may not be kept by clients")


async def test_what_is_left_without_a_service_is_told(visit):
    await open_panel(visit.page)
    panel = visit.page.get_by_role("region", name="Explain")

    await panel.get_by_label("without").select_option("reviews")

    left = panel.get_by_role("region", name="What is left")
    await expect(left).to_contain_text("restaurants.edges[].node.reviews")
    await expect(left).to_contain_text("stale or null")
    await expect(panel.locator('.bff-bar[data-down="true"]')).to_contain_text(["reviews.for_restaurants"])


async def test_another_tab_is_another_plan(visit):
    await open_panel(visit.page)

    await visit.page.get_by_role("tab", name="RestaurantPage").click()

    panel = visit.page.get_by_role("region", name="Explain")
    await expect(panel.get_by_role("img")).to_contain_text("catalog.menu")
    await expect(panel).to_contain_text("may be kept by one user")


async def test_what_is_wrong_with_an_operation_is_told_in_the_panel(visit):
    """Half an operation is the usual case while somebody types; the console stays quiet."""
    await open_panel(visit.page)
    panel = visit.page.get_by_role("region", name="Explain")
    await expect(panel.get_by_role("img")).to_be_visible()

    await visit.page.locator(".graphiql-query-editor .view-lines").click()
    await visit.page.keyboard.press("Control+a")
    await visit.page.keyboard.insert_text("query Half")

    await expect(panel.get_by_role("alert")).to_contain_text("Syntax Error")


async def test_the_panel_works_by_keyboard(visit):
    await visit.page.get_by_role("button", name="Show Explain").focus()
    await visit.page.keyboard.press("Enter")
    choice = visit.page.get_by_label("without")
    await expect(visit.page.get_by_role("img", name=re.compile("waves"))).to_be_visible()

    await choice.focus()
    await visit.page.keyboard.press("a")

    await expect(choice).to_have_value("accounts")
    await expect(visit.page.get_by_role("region", name="What is left")).to_contain_text("me")


async def test_on_a_phone_the_panel_is_as_wide_as_the_screen(visit):
    await visit.page.set_viewport_size({"width": 360, "height": 740})

    await open_panel(visit.page)

    await expect(visit.page.get_by_role("img", name=re.compile("waves"))).to_be_visible()
    assert await visit.page.evaluate("document.documentElement.scrollWidth") == 360
