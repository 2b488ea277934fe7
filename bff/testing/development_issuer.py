"""The development issuer as a process, for tests that need real tokens.

with DevelopmentIssuer(Path.cwd()) as issuer:
    httpx.post(f"{bff}/graphql", headers=issuer.headers("customer"), json={"query": "{ me { name } }"})
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from secrets import token_urlsafe
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import urlencode
from urllib.request import urlopen

from bff.auth.development.read import read_issuer
from bff.settings import tool_table

_LISTENS: Final = re.compile(r"listens on (http://\S+)")
_PATIENCE: Final = 10.0
_DAY: Final = "86400"


class IssuerMissing(RuntimeError):
    """The issuer did not start; its standard error says why."""


class DevelopmentIssuer:
    """The issuer that `[tool.bff.demo.issuer]` describes, on a free port.

    Attributes:
        environ: The secrets of its clients and of the demo, for the environment of a BFF that is one of them.
        url: Where it listens, which is its name.
    """

    def __init__(self, directory: Path) -> None:
        """Start it.

        Args:
            directory: Where pyproject.toml is.

        Raises:
            IssuerMissing: It did not come up.
        """
        self.environ = {name: token_urlsafe(32) for name in _secrets(directory)}
        self._tokens: dict[tuple[Any, ...], str] = {}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bff.auth.development", "--port", "0"],
            cwd=directory,
            env={**os.environ, **self.environ, "BFF_DEVELOPMENT": "1"},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        found = _LISTENS.search(self._process.stdout.readline())
        if found is None:
            self.close()
            raise IssuerMissing("the development issuer ended before it listened")
        self.url = found[1]

    def token(self, person: str, *, scope: str = "", audience: Sequence[str] = ()) -> str:
        """Return an access token of *person*, a role or a subject, good for a day; the same one each time."""
        known = (person, scope, tuple(audience))
        if known not in self._tokens:
            form = [("grant_type", "urn:bff:grant-type:person"), ("person", person), ("expires_in", _DAY)]
            form += [("scope", scope), *(("audience", name) for name in audience)]
            with urlopen(f"{self.url}/token", urlencode(form).encode(), timeout=_PATIENCE) as answer:  # noqa: S310
                self._tokens[known] = json.load(answer)["access_token"]
        return self._tokens[known]

    def headers(self, person: str, *, scope: str = "") -> dict[str, str]:
        """Return the headers of a request of *person*."""
        return {"authorization": f"Bearer {self.token(person, scope=scope)}"}

    def close(self) -> None:
        """Stop it."""
        self._process.terminate()
        try:
            self._process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def __enter__(self) -> Self:
        """Return it; it runs already."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop it."""
        self.close()


def _secrets(directory: Path) -> set[str]:
    """Return the environment variables that the demo of *directory* needs."""
    described = read_issuer(directory)
    clients = described.clients if described else ()
    named = {client.secret.removeprefix("env:") for client in clients if client.secret}
    demo = tool_table(directory / "pyproject.toml").get("demo", {})
    return named | set(demo.get("secrets", ()))
