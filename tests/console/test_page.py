"""The page is sent whole from here, under a policy that trusts nobody else."""

import json

import pytest


@pytest.fixture
def built(tmp_path):
    assets = tmp_path / "dist" / "assets"
    assets.mkdir(parents=True)
    for name in ("bff-1.js", "bff-1.css", "console-2.js", "console-2.css", "icon-3.svg", "chunk-4.js"):
        (assets / name).write_text(name)
    console = {"script": "console-2.js", "style": "console-2.css", "preload": ["chunk-4.js"]}
    manifest = {
        "script": "bff-1.js",
        "style": "bff-1.css",
        "icon": "icon-3.svg",
        "preload": [],
        "console": console,
    }
    (assets.parent / "manifest.json").write_text(json.dumps(manifest))
    return assets.parent


async def test_the_page_names_its_own_files_and_trusts_nobody_else(make_world, built):
    async with make_world(assets=built).client() as client:
        page = await client.get("/console")
        script = await client.get("/console/assets/console-2.js")

    for name in ("console-2.js", "console-2.css", "icon-3.svg", "chunk-4.js"):
        assert f'"console/assets/{name}"' in page.text
    assert "bff-1" not in page.text
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert page.headers["cache-control"] == "no-cache"
    assert (script.text, script.headers["content-type"]) == ("console-2.js", "text/javascript; charset=utf-8")
    assert "immutable" in script.headers["cache-control"]


async def test_before_the_build_the_page_says_what_to_do(world):
    async with world.client() as client:
        page = await client.get("/console")

    assert page.status_code == 503
    assert "make web" in page.text


@pytest.mark.parametrize("name", ["../manifest.json", "%2e%2e%2fmanifest.json", "manifest.json", "missing.js"])
async def test_nothing_else_of_the_disk_is_sent(make_world, built, name):
    async with make_world(assets=built).client() as client:
        assert (await client.get(f"/console/assets/{name}")).status_code == 404
