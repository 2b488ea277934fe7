"""Takes the pictures of GraphiQL and of the console that the READMEs show.

    python tests/web/screenshot.py http://127.0.0.1:8000/graphql --tab Home
    python tests/web/screenshot.py --panel Trace --to bff/web/trace.png
    python tests/web/screenshot.py http://127.0.0.1:8001/console --view services --to bff/web/console.png

Run it while the demo runs, best with a service broken, so that the answer is a partial one.
"""

import argparse
import asyncio
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from playwright.async_api import Page, async_playwright

PICTURE = Path(__file__).parents[2] / "bff" / "web" / "screenshot.png"
LARGEST = 300_000
"""Bytes; a README should not take longer to load than to read."""


@asynccontextmanager
async def page_of(scheme: str, width: int, height: int) -> AsyncIterator[Page]:
    """A browser tab of that size, in light or dark."""
    executable = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=executable, args=["--no-sandbox", "--disable-gpu"]
        )
        yield await browser.new_page(
            viewport={"width": width, "height": height}, color_scheme="dark" if scheme == "dark" else "light"
        )
        await browser.close()


async def take_console(url: str, view: str, scheme: str, width: int) -> bytes:
    """Return a PNG of a *view* of the console at *url*."""
    async with page_of(scheme, width, 860) as page:
        await page.goto(f"{url}#{view}")
        await page.locator(".overview").wait_for()
        await page.wait_for_timeout(1500)  # one more second of figures
        return await page.screenshot(animations="disabled")


async def take(url: str, tab: str, scheme: str, panel: str | None) -> bytes:
    """Return a PNG of the page at *url* after the operation of *tab* was run there."""
    async with page_of(scheme, 1280, 760) as page:
        await page.goto(url)
        await page.get_by_role("tab", name=tab).click()
        await page.get_by_role("button", name=re.compile("Execute query")).click()
        await page.locator('.bff-summary:not([data-verdict="none"])').wait_for()
        if panel:
            await page.get_by_role("button", name=f"Show {panel}").click()
        await page.locator(".graphiql-logo").click()
        await page.wait_for_timeout(1500)  # scroll bars fade away
        return await page.screenshot(animations="disabled")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url", nargs="?", default="http://127.0.0.1:8000/graphql")
    parser.add_argument("--tab", default="Home", help="name of the operation to run")
    parser.add_argument("--scheme", choices=["light", "dark"], default="light")
    parser.add_argument("--panel", help="panel to open beside it")
    parser.add_argument("--to", type=Path, default=PICTURE)
    parser.add_argument("--view", help="of the console, such as services; the URL is the console's")
    parser.add_argument("--width", type=int, default=1280, help="of the console, 390 for a phone")
    options = parser.parse_args()
    if options.view:
        picture = asyncio.run(take_console(options.url, options.view, options.scheme, options.width))
    else:
        picture = asyncio.run(take(options.url, options.tab, options.scheme, options.panel))
    if len(picture) > LARGEST:
        raise SystemExit(f"{len(picture)} bytes are more than {LARGEST}")
    options.to.write_bytes(picture)
    print(f"{options.to}: {len(picture)} bytes")  # noqa: T201 - a script tells what it did


if __name__ == "__main__":
    main()
