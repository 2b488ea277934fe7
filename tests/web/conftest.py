"""A real browser, a real server, and a record of everything the page does that it must not."""

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, ConsoleMessage, Page, Request, Route, async_playwright

ROOT = Path(__file__).parents[2]
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
RECORD_VIOLATIONS = """
    window.violations = [];
    document.addEventListener("securitypolicyviolation", (event) =>
      window.violations.push(`${event.effectiveDirective} ${event.blockedURI} ${event.sourceFile}`));
"""


@dataclass
class Visit:
    """One browser tab on the page, and what it did.

    Attributes:
        also: Beginnings of further addresses that the page may lead to.
        elsewhere: Requests to any other host; none is let through.
        complaints: Errors in the console or thrown by the page's scripts.
    """

    page: Page
    url: str
    also: tuple[str, ...] = ()
    elsewhere: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    async def watch(self) -> None:
        """Begin to record."""
        await self.page.context.route("**/*", self._route)
        await self.page.context.add_init_script(RECORD_VIOLATIONS)
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("requestfailed", self._hear_failure)

    async def open(self) -> None:
        """Load the page and wait until one can work with it."""
        await self.page.goto(self.url)
        await self.page.locator(".graphiql-query-editor .view-line").first.wait_for()

    async def violations(self) -> list[str]:
        """Return what the page's Content-Security-Policy stopped."""
        found: list[str] = await self.page.evaluate("window.violations")
        return found

    async def _route(self, route: Route) -> None:
        if route.request.url.startswith((self.url.removesuffix("graphql"), *self.also)):
            await route.continue_()
        else:
            self.elsewhere.append(route.request.url)
            await route.abort()

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(message.text)

    def _hear_failure(self, request: Request) -> None:
        if request.failure != "net::ERR_ABORTED":  # what a reload leaves behind
            self.complaints.append(f"{request.url}: {request.failure}")


def find_chromium() -> str:
    """Return the path of a Chromium; fails the test that needs one where there is none."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            return found
    pytest.fail(
        "The browser tests need Chromium on the PATH (Debian: sudo apt-get install chromium)", pytrace=False
    )


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The address of `/graphql` of `small_app.py`, which runs in a process of its own."""
    if not (ROOT / "bff" / "web" / "dist" / "manifest.json").exists():
        pytest.fail("GraphiQL is not built: run `make web`", pytrace=False)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        arguments = ["--app-dir", str(Path(__file__).parent), "--lifespan", "off", "--log-level", "warning"]
        process = subprocess.Popen(
            [sys.executable, "-m", "uvicorn", "small_app:app", "--fd", str(listener.fileno()), *arguments],
            pass_fds=[listener.fileno()],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/graphql"
    process.terminate()
    process.wait(10)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    executable = find_chromium()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=executable, args=FLAGS)
        yield browser
        await browser.close()


@asynccontextmanager
async def visiting(browser: Browser, server: str) -> AsyncIterator[Visit]:
    """A fresh visitor in front of the loaded page; afterwards, that nothing forbidden happened."""
    context = await browser.new_context(viewport={"width": 1280, "height": 800})
    visit = Visit(await context.new_page(), server)
    await visit.watch()
    await visit.open()
    yield visit
    violations = await visit.violations()
    await context.close()
    assert (visit.elsewhere, visit.complaints, violations) == ([], [], [])


@pytest_asyncio.fixture(loop_scope="session")
async def visit(browser: Browser, server: str) -> AsyncIterator[Visit]:
    async with visiting(browser, server) as visit:
        yield visit


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def shared_visit(browser: Browser, server: str) -> AsyncIterator[Visit]:
    """A visitor for all tests of a file that only look."""
    async with visiting(browser, server) as visit:
        yield visit
