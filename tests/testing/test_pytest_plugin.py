"""Every pytest run of an application loads the plugin, so it may cost next to nothing."""

import subprocess
import sys

import pytest

import bff.testing

HEAVY = [
    "httptools",
    "msgspec",
    "cryptography",
    "pydantic",
    "graphql",
    "strawberry",
    "aiohttp",
    "fastapi",
    "httpx",
]


def test_importing_it_brings_in_nothing_heavy():
    script = f"""
import sys, pytest
import bff.testing.pytest_plugin
print([name for name in {HEAVY} if name in sys.modules])
print([name for name in sys.modules if name.startswith("bff")])
"""
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout

    assert said.splitlines() == ["[]", "['bff', 'bff.testing', 'bff.testing.pytest_plugin']"]


def test_it_is_registered(pytestconfig):
    assert pytestconfig.pluginmanager.get_plugin("bff") is not None


async def test_the_factory_starts_as_many_fakes_as_asked(fake_upstream):
    one, two = await fake_upstream(), await fake_upstream()

    assert one.url != two.url


@pytest.mark.parametrize("mode", ["auto", "strict"])
def test_an_application_uses_the_fixtures_and_they_clean_up(tmp_path, mode):
    """Fakes are closed after the test, or the unclosed socket would be an error here."""
    (tmp_path / "test_it.py").write_text(
        "import asyncio, pytest\n"
        "started = []\n"
        "@pytest.mark.asyncio\n"
        "async def test_one(fake_upstream, virtual_clock):\n"
        "    started.append(await fake_upstream())\n"
        "    await asyncio.open_connection(started[0].origin.host, started[0].origin.port)\n"
        "    await virtual_clock.advance(3600)\n"
        "def test_two():\n"
        "    assert started[0].open_connections == 0\n",
        encoding="utf-8",
    )
    options = ["-q", "-p", "no:cacheprovider", "-o", f"asyncio_mode={mode}"]
    options += ["-o", "asyncio_default_fixture_loop_scope=function"]

    run = subprocess.run(
        [sys.executable, "-m", "pytest", *options, "test_it.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert run.returncode == 0, run.stdout + run.stderr


def test_unknown_names_of_the_package_are_errors():
    with pytest.raises(AttributeError, match="FakeUpsteam"):
        bff.testing.FakeUpsteam  # noqa: B018


def test_all_public_names_load():
    assert all(getattr(bff.testing, name) for name in bff.testing.__all__)
