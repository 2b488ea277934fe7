"""GraphiQL in a real browser that can reach nothing but our server.

The fixture `visit` also fails a test on any request elsewhere, any console error and any policy violation.
"""

import json
import re
from typing import Any

import pytest
from playwright.async_api import Locator, Page, WebSocketRoute, expect

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


def summary(page: Page) -> Locator:
    return page.get_by_role("status")


def response(page: Page) -> Locator:
    return page.locator(".graphiql-response .view-lines")


async def open_tab(page: Page, name: str) -> None:
    await page.get_by_role("tab", name=name).click()
    await expect(page.locator(".graphiql-query-editor .view-lines")).to_contain_text(name)


async def run(page: Page) -> None:
    await page.get_by_role("button", name=re.compile("Execute query")).click()


async def test_the_page_stands_alone(shared_visit):
    """It opens on a train, in a test lab, and where the network lets nothing out."""
    assert await shared_visit.page.title() == "bff"
    await expect(summary(shared_visit.page)).to_contain_text("Run an operation")


async def test_the_ready_operations_are_tabs_and_the_home_screen_is_open(shared_visit):
    await expect(shared_visit.page.get_by_role("tab")).to_contain_text(["Home", "Broken", "Countdown", "Refused"])
    await expect(shared_visit.page.get_by_role("tab", name="Home")).to_have_attribute("aria-selected", "true")
    await expect(shared_visit.page.locator(".graphiql-query-editor .view-lines")).to_contain_text("query Home")


async def test_headers_are_in_sight_and_variables_a_click_away(shared_visit):
    """Nobody has to look up a token before the first answer."""
    await expect(shared_visit.page.get_by_label("Headers").locator(".view-lines").last).to_contain_text(
        "Bearer demo-u1"
    )

    await shared_visit.page.get_by_role("button", name="Variables").click()

    await expect(shared_visit.page.get_by_label("Variables").locator(".view-lines").first).to_contain_text(
        '"broken"'
    )


async def test_a_whole_answer_is_called_whole(visit):
    await run(visit.page)

    await expect(response(visit.page)).to_contain_text("Good evening, u1")
    await expect(summary(visit.page)).to_contain_text(re.compile(r"whole\s*\d+ ms"))
    await expect(summary(visit.page)).to_have_attribute("data-verdict", "whole")


async def test_a_partial_answer_names_the_services_that_are_missing(visit):
    """The point of the product, in one line: what is not there, and when to ask again."""
    await open_tab(visit.page, "Broken")

    await run(visit.page)

    await expect(response(visit.page)).to_contain_text("Trattoria Lucia")
    line = summary(visit.page)
    await expect(line).to_have_attribute("data-verdict", "partial")
    await expect(line).to_contain_text("partial: reviews, couriers, offers")
    await expect(line).to_contain_text("3 errors · 1 degraded part · try again in 1.5 s · up to 12 s old")


async def test_each_tab_keeps_the_summary_of_its_own_answer(visit):
    await open_tab(visit.page, "Broken")
    await run(visit.page)
    await expect(summary(visit.page)).to_contain_text("partial")

    await open_tab(visit.page, "Home")
    await expect(summary(visit.page)).to_contain_text("Run an operation")

    await open_tab(visit.page, "Broken")
    await expect(summary(visit.page)).to_contain_text("partial")


async def test_a_subscription_speaks_graphql_transport_ws_and_each_of_its_answers_is_summed_up(visit):
    """A browser cannot set headers on a WebSocket, so the token goes into `connection_init`."""
    heard: list[dict[str, Any]] = []
    answers: list[dict[str, Any]] = [
        {"data": {"countdown": 2}},
        {"data": {"countdown": None}, "errors": [{"message": "gone", "extensions": {"upstream": "couriers"}}]},
    ]

    def serve(socket: WebSocketRoute) -> None:
        def hear(text: str | bytes) -> None:
            message = json.loads(text)
            heard.append(message)
            if message["type"] == "connection_init":
                socket.send('{"type": "connection_ack"}')
            if message["type"] == "subscribe":
                for answer in answers:
                    socket.send(json.dumps({"id": message["id"], "type": "next", "payload": answer}))
                socket.send(json.dumps({"id": message["id"], "type": "complete"}))

        socket.on_message(hear)

    await visit.page.route_web_socket("**/graphql", serve)
    await visit.open()
    await open_tab(visit.page, "Countdown")

    await run(visit.page)

    await expect(summary(visit.page)).to_contain_text("partial: couriers")
    assert [message["type"] for message in heard] == ["connection_init", "subscribe"]
    assert heard[0]["payload"] == {"Authorization": "Bearer demo-u1"}
    assert heard[1]["payload"]["operationName"] == "Countdown"


async def test_a_refused_operation_is_called_failed(visit):
    await open_tab(visit.page, "Refused")

    await run(visit.page)

    await expect(summary(visit.page)).to_contain_text("failed")
    await expect(summary(visit.page)).to_contain_text("1 error")
    await expect(response(visit.page)).to_contain_text("Cannot query field")


async def test_no_answer_at_all_is_told_as_well(visit):
    """A proxy's error page in place of an answer is no reason to leave the reader guessing."""
    await visit.page.context.route(
        "**/graphql", lambda route: route.fulfill(status=200, body="<html>", content_type="text/html")
    )

    await run(visit.page)

    await expect(summary(visit.page)).to_contain_text("failed: no GraphQL answer")


@pytest.mark.parametrize("focus", ["editor", "page"])
async def test_ctrl_enter_runs_the_operation_once(visit, focus):
    sent: list[str] = []
    await expect(visit.page.get_by_label("Headers").locator(".view-lines").last).to_contain_text("Bearer")
    visit.page.on("request", lambda request: sent.append(request.method))
    place = ".graphiql-query-editor .view-lines" if focus == "editor" else ".graphiql-logo"
    await visit.page.locator(place).click()

    await visit.page.keyboard.press("Control+Enter")

    await expect(summary(visit.page)).to_contain_text("whole")
    assert sent.count("POST") == 1


async def test_the_schema_can_be_read(visit):
    await visit.page.get_by_role("button", name="Show Documentation Explorer").click()

    docs = visit.page.locator(".graphiql-doc-explorer")
    await docs.get_by_role("link", name="Query").click()
    await expect(docs).to_contain_text("What the app's first screen shows.")


async def test_editors_know_the_schema(visit):
    """The workers run under the policy too: a field that is not there is underlined."""
    await open_tab(visit.page, "Refused")

    await expect(visit.page.locator(".graphiql-query-editor .squiggly-error").first).to_be_attached()


async def test_edits_outlive_a_reload_and_the_ready_tabs_come_back_on_demand(visit):
    editor = visit.page.locator(".graphiql-query-editor .view-lines")
    await editor.click()
    await visit.page.keyboard.press("Control+Home")
    await visit.page.keyboard.type("# mine ")
    await expect(visit.page.locator(".graphiql-query-editor")).to_contain_text("mine")
    await visit.page.wait_for_function(
        "() => Object.values(localStorage).some((text) => text.startsWith('# mine'))"
    )

    await visit.open()
    await expect(editor).to_contain_text("# mine")
    await expect(visit.page.get_by_label("Headers").locator(".view-lines").last).to_contain_text("Bearer demo-u1")

    await visit.page.get_by_role("button", name="Restore the ready tabs").click()
    await expect(editor).not_to_contain_text("# mine")
    await expect(editor).to_contain_text("query Home")


async def test_a_token_is_not_kept(visit):
    """Whoever pastes a real token leaves it on no shared machine, not even in the history."""
    headers = visit.page.get_by_label("Headers").locator(".view-lines").last
    await expect(headers).to_contain_text("Bearer")
    await headers.click()
    for key in ("Control+Home", "ArrowDown", "End", "ArrowLeft", "Backspace", "Backspace"):
        await visit.page.keyboard.press(key)
    await visit.page.keyboard.type("real")

    await visit.page.keyboard.press("Control+Enter")

    await expect(response(visit.page)).to_contain_text("Good evening, real")
    await visit.page.reload()
    await expect(headers).to_contain_text("Bearer demo-u1")
    stored = await visit.page.evaluate("JSON.stringify(localStorage)")
    assert "query Home" in stored
    assert "demo-real" not in stored


async def test_a_tab_that_is_opened_while_the_page_loads_is_shown(visit):
    """An impatient click must not leave one tab's name above another's operation."""
    await visit.page.goto(visit.url, wait_until="commit")

    await visit.page.get_by_role("tab", name="Broken").click()

    await expect(visit.page.locator(".graphiql-query-editor .view-lines")).to_contain_text("query Broken")


async def test_a_tab_runs_its_own_operation_at_once(visit):
    """GraphiQL itself would ask for the operation of the tab before."""
    await visit.page.get_by_role("tab", name="Broken").click()
    await visit.page.keyboard.press("Control+Enter")

    await expect(summary(visit.page)).to_contain_text("partial: reviews")


@pytest.mark.parametrize(("scheme", "dark"), [("light", False), ("dark", True)])
async def test_the_page_follows_the_system_in_light_and_dark(visit, scheme, dark):
    await visit.page.emulate_media(color_scheme=scheme)

    red, *_ = re.findall(r"\d+", await visit.page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert (int(red) < 100) is dark


async def test_a_phone_is_wide_enough(visit):
    """Everything is reachable in one column, and nothing has to be scrolled sideways."""
    await visit.page.set_viewport_size({"width": 360, "height": 740})
    await open_tab(visit.page, "Broken")
    await run(visit.page)

    await expect(summary(visit.page)).to_contain_text("partial")
    await expect(summary(visit.page)).to_be_in_viewport(ratio=1)
    await expect(visit.page.get_by_role("button", name="Show Documentation Explorer")).to_be_in_viewport(ratio=1)
    assert await visit.page.evaluate("document.documentElement.scrollWidth") == 360
    boxes = [await visit.page.locator(part).bounding_box() for part in (".graphiql-editors", ".graphiql-response")]
    assert all(box and box["width"] > 300 and box["height"] > 150 for box in boxes)


async def test_on_a_phone_the_documentation_takes_the_place_of_the_editors(visit):
    await visit.page.set_viewport_size({"width": 360, "height": 740})
    docs = visit.page.locator(".graphiql-doc-explorer")

    await visit.page.get_by_role("button", name="Show Documentation Explorer").click()
    await expect(docs.get_by_role("link", name="Query")).to_be_in_viewport(ratio=1)
    await expect(visit.page.locator(".graphiql-sessions")).to_be_hidden()

    await visit.page.get_by_role("button", name="Hide Documentation Explorer").click()
    await expect(visit.page.locator(".graphiql-query-editor .view-line").first).to_be_in_viewport()


async def test_the_page_stays_in_place_whatever_takes_the_focus(visit):
    """Long documents hang out of the editors, and browsers scroll to what is focused there."""
    await visit.page.locator(".graphiql-query-editor .view-lines").click()
    await visit.page.keyboard.press("Control+End")
    await visit.page.keyboard.insert_text("\n#" * 100)
    await visit.page.keyboard.press("Control+Home")
    await expect(visit.page.locator(".graphiql-query-editor .view-lines")).to_contain_text("query Home")
    await visit.page.evaluate("""
        for (const part of ["html", "body", "#root", ".graphiql-container"])
            document.querySelector(part).scrollTop = 50;
    """)

    header = await visit.page.locator(".graphiql-session-header").bounding_box()
    assert header
    assert header["y"] > 0
