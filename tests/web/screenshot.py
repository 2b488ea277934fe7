"""Takes the picture of GraphiQL that the README shows.

    python tests/web/screenshot.py http://127.0.0.1:8000/graphql --tab Home
    python tests/web/screenshot.py --panel Trace --to bff/web/trace.png

Run it while the demo runs, best with a service broken, so that the answer is a partial one.
"""

import argparse
import asyncio
import re
import shutil
from pathlib import Path

from playwright.async_api import async_playwright

PICTURE = Path(__file__).parents[2] / "bff" / "web" / "screenshot.png"
LARGEST = 300_000
"""Bytes; a README should not take longer to load than to read."""


async def take(url: str, tab: str, scheme: str, panel: str | None) -> bytes:
    """Return a PNG of the page at *url* after the operation of *tab* was run there."""
    executable = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=executable, args=["--no-sandbox", "--disable-gpu"]
        )
        page = await browser.new_page(
            viewport={"width": 1280, "height": 760}, color_scheme="dark" if scheme == "dark" else "light"
        )
        await page.goto(url)
        await page.get_by_role("tab", name=tab).click()
        await page.get_by_role("button", name=re.compile("Execute query")).click()
        await page.locator('.bff-summary:not([data-verdict="none"])').wait_for()
        if panel:
            await page.get_by_role("button", name=f"Show {panel}").click()
        await page.locator(".graphiql-logo").click()
        await page.wait_for_timeout(1500)  # scroll bars fade away
        picture = await page.screenshot(animations="disabled")
        await browser.close()
    return picture


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url", nargs="?", default="http://127.0.0.1:8000/graphql")
    parser.add_argument("--tab", default="Home", help="name of the operation to run")
    parser.add_argument("--scheme", choices=["light", "dark"], default="light")
    parser.add_argument("--panel", help="panel to open beside it")
    parser.add_argument("--to", type=Path, default=PICTURE)
    options = parser.parse_args()
    picture = asyncio.run(take(options.url, options.tab, options.scheme, options.panel))
    if len(picture) > LARGEST:
        raise SystemExit(f"{len(picture)} bytes are more than {LARGEST}")
    options.to.write_bytes(picture)
    print(f"{options.to}: {len(picture)} bytes")  # noqa: T201 - a script tells what it did


if __name__ == "__main__":
    main()
