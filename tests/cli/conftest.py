"""The command as users run it: a process of its own, in a folder with an application of its own."""

import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.cli.forks import Forks

ROOT = Path(__file__).parents[2]

APP = '''
"""A shop with two services."""

import msgspec
import strawberry

from bff import Context, Upstream, batched, field, resolver

catalog = Upstream("catalog")


class WireDish(msgspec.Struct, frozen=True):
    id: str
    name: str


dish = catalog.get("/dishes/{id}", returns=WireDish | None, name="dish")
dishes = catalog.get("/dishes", returns=list[WireDish], name="dishes")


@resolver(calls=[dish])
async def one_dish(context: Context, id: strawberry.ID) -> WireDish | None:
    return await dish(context, id=id)


@resolver(calls=[dishes])
async def all_dishes(context: Context) -> list[WireDish]:
    return await dishes(context)


@strawberry.type(description="Something to eat.")
class Dish:
    id: strawberry.ID = strawberry.field(description="Names it.")
    name: str = strawberry.field(description="As on the menu.")


@strawberry.input(description="What to look for.")
class Search:
    text: str = strawberry.field(description="Part of a name.")
    limit: int = strawberry.field(description="At most so many.", default=10)


@strawberry.type(description="What can be asked for.")
class Query:
    dish: Dish | None = field(one_dish, description="One dish.")
    dishes: list[Dish | None] | None = field(all_dishes, description="All of them.")

    @strawberry.field(description="Says what it was asked.")
    def search(self, search: Search) -> str:
        return search.text


schema = strawberry.Schema(query=Query)
'''

FILES = {
    "app.py": APP,
    "pyproject.toml": '[tool.bff]\nschema = "app:schema"\npolicies = "policies"\noperations = "operations"\n',
    "policies/auth.yaml": "anonymous: allow\n",
    "policies/upstreams/catalog.yaml": "hosts: [https://catalog.internal]\n",
    "operations/Dish.graphql": "query Dish($id: ID!) { dish(id: $id) { name } }\n",
    "operations/Dish.variables.json": '{"id": "d1"}\n',
}


class Result:
    """What a command answered."""

    def __init__(self, done: subprocess.CompletedProcess[str]) -> None:
        self.code = done.returncode
        self.out = done.stdout
        self.err = done.stderr

    @property
    def json(self):
        return json.loads(self.out)

    @property
    def findings(self) -> list[tuple[str, str, str]]:
        """Level, rule and place of each finding."""
        return [
            (one["level"], one["rule"], f"{one['file']}:{one['line']}:{one['column']}")
            for one in self.json["findings"]
        ]


def inherited() -> dict[str, str]:
    """Return the environment of all commands."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("BFF_")}
    return {**kept, "PYTHONPATH": str(ROOT), "COLUMNS": "100", "TERM": "xterm"}


class Project:
    """A folder with an application, in which the command runs."""

    def __init__(self, directory: Path, forks: Forks) -> None:
        self.directory = directory
        self._forks = forks

    def write(self, files: dict[str, str | None]) -> None:
        """Write files by their path; None removes one."""
        for name, text in files.items():
            path = self.directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if text is None:
                path.unlink()
            else:
                path.write_text(text, "utf-8")

    def bff(self, *arguments: str, **environment: str) -> Result:
        """Run `bff` with these arguments and variables."""
        done = self._forks.run(arguments, self.directory, {**inherited(), **environment})
        assert "Traceback" not in done.stderr
        return Result(done)

    def on_terminal(self, *arguments: str) -> str:
        """Run `bff` with a terminal as its output and return what the terminal received."""
        ours, theirs = pty.openpty()
        with os.fdopen(ours, "rb", buffering=0) as terminal:
            running = subprocess.Popen(
                [sys.executable, "-P", "-m", "bff.cli", *arguments],
                cwd=self.directory,
                env=inherited(),
                stdout=theirs,
            )
            os.close(theirs)
            received = b""
            with suppress(OSError):  # Linux reports the end of a terminal as an input/output error
                while chunk := terminal.read(4096):
                    received += chunk
            running.wait(timeout=60)
        return received.decode()


@pytest.fixture(scope="session")
def forks() -> Iterator[Forks]:
    """What runs commands."""
    running = Forks(inherited())
    yield running
    running.close()


@pytest.fixture
def project(tmp_path, forks) -> Callable[..., Project]:
    """Return a sound project, changed as the test says."""

    def make(changes: dict[str, str | None] | None = None) -> Project:
        made = Project(tmp_path, forks)
        made.write(FILES)
        made.write(changes or {})
        return made

    return make


@pytest.fixture
def app() -> str:
    """The application's text, for tests that change a line of it."""
    return APP


@pytest.fixture
def reference_application(forks) -> Project:
    """The application that is shipped beside the engine; only to be read."""
    return Project(ROOT, forks)
