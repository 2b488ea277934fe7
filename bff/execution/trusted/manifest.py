"""Manifests of documents, as Apollo, Relay and GraphQL Code Generator write them; and as `bff` keeps them.

Apollo: `{"format": "apollo-persisted-query-manifest", "version": 1, "operations": [{"id", "body", ...}]}`.
Relay (`persisted_queries.json`) and Code Generator (`persisted-documents.json`): `{"ID": "TEXT"}`.
Ours is Apollo's with `"client": {"name", "version"}` beside it.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bff.policy.problem import PolicyError, Problem

APOLLO: Final = "apollo-persisted-query-manifest"
MAX_BYTES: Final = 64 * 1024 * 1024
MAX_ID: Final = 256
"""Characters of an id."""


@dataclass(frozen=True, slots=True)
class Registered:
    """One document of a manifest.

    Attributes:
        id: By which clients ask for it.
        text: The document.
        name: Of its operation; empty where the manifest does not say.
        kind: query, mutation or subscription; empty likewise.
        line: Where it stands in the manifest.
    """

    id: str
    text: str
    name: str = ""
    kind: str = ""
    line: int = 1


@dataclass(frozen=True, slots=True)
class Manifest:
    """The documents of one client.

    Attributes:
        file: Where they stand.
        documents: In the order of the file.
        client: Whose they are; empty where the manifest does not say.
        version: Of the client; empty for all its versions.
    """

    file: str
    documents: tuple[Registered, ...]
    client: str = ""
    version: str = ""

    @property
    def owner(self) -> str:
        """Client and version, as people write them."""
        return f"{self.client}@{self.version}" if self.version else self.client


def read(path: Path, shown: str | None = None) -> Manifest:
    """Return the manifest in the file *path*, which messages call *shown*.

    Raises:
        PolicyError: It cannot be read, is none, or holds a document twice; all reasons with file and line.
    """
    file = shown or path.as_posix()
    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise _wrong(file, 1, f"cannot be read: {error.strerror}") from error
    if len(content) > MAX_BYTES:
        raise _wrong(file, 1, f"is larger than {MAX_BYTES} bytes")
    return parse(content, file)


def parse(content: bytes, file: str) -> Manifest:
    """Return the manifest that *content* of *file* is.

    Raises:
        PolicyError: As `read`.
    """
    try:
        text = content.decode("utf-8-sig")
        value = json.loads(text, object_pairs_hook=_Members)
    except UnicodeDecodeError as error:
        raise _wrong(file, 1, "is not UTF-8") from error
    except json.JSONDecodeError as error:
        raise PolicyError([Problem(file, error.lineno, error.colno, "", f"is not JSON: {error.msg}")]) from error
    except RecursionError as error:
        raise _wrong(file, 1, "is nested too deeply") from error
    if not isinstance(value, _Members):
        raise _wrong(file, 1, "is no manifest: a JSON object is expected")
    members = dict(value)
    if "operations" in members or "format" in members:
        found = list(_of_apollo(members, file))
    else:
        found = [(name, body, "", "") for name, body in value]
    return Manifest(file, _checked(found, text, file), *_owner(members.get("client")))


def write(manifest: Manifest) -> str:
    """Return the text of a file that `read` understands, one document on each line so that diffs can be read."""
    head: dict[str, Any] = {"format": APOLLO, "version": 1}
    if manifest.client:
        head["client"] = {"name": manifest.client} | ({"version": manifest.version} if manifest.version else {})
    start = json.dumps(head, ensure_ascii=False)[:-1]
    lines = [
        json.dumps({"id": one.id, "name": one.name, "type": one.kind, "body": one.text}, ensure_ascii=False)
        for one in manifest.documents
    ]
    return f'{start}, "operations": [\n' + ",\n".join(lines) + "\n]}\n"


class _Members(list[tuple[str, Any]]):
    """The members of a JSON object, repeated names included."""


def _of_apollo(members: dict[str, Any], file: str) -> Iterator[tuple[Any, Any, Any, Any]]:
    if members.get("format") != APOLLO or members.get("version") != 1:
        said = f"{members.get('format')!r} version {members.get('version')!r}"
        raise _wrong(file, 1, f"is {said}; known are {APOLLO!r} version 1 and plain objects of id and text")
    operations = members.get("operations")
    if not isinstance(operations, list) or isinstance(operations, _Members):
        raise _wrong(file, 1, "has no list of operations")
    for one in operations:
        each = dict(one) if isinstance(one, _Members) else {}
        yield each.get("id"), each.get("body"), each.get("name") or "", each.get("type") or ""


def _checked(found: Sequence[tuple[Any, Any, Any, Any]], text: str, file: str) -> tuple[Registered, ...]:
    lines = _Lines(text)
    documents: dict[str, Registered] = {}
    problems: list[Problem] = []
    for number, (name, body, operation, kind) in enumerate(found, 1):
        line = lines.of(name) if isinstance(name, str) else 1
        if not isinstance(name, str) or not 0 < len(name) <= MAX_ID or not isinstance(body, str):
            what = f"document {number} has no id and text that are strings, the id of 1 to {MAX_ID} characters"
        elif name in documents:
            what = f"id {name!r} is there twice"
        else:
            documents[name] = Registered(name, body, str(operation), str(kind), line)
            continue
        problems.append(Problem(file, line, 1, "", what))
    if problems:
        raise PolicyError(problems)
    return tuple(documents.values())


class _Lines:
    """Finds the lines of ids, which stand in a text one after the other."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._line = 1

    def of(self, name: str) -> int:
        """Return the line where the string *name* stands next."""
        for written in (json.dumps(name), json.dumps(name, ensure_ascii=False)):
            at = self._text.find(written, self._at)
            if at >= 0:
                self._line += self._text.count("\n", self._at, at)
                self._at = at + len(written)
                break
        return self._line


def _owner(client: Any) -> tuple[str, str]:
    said = dict(client) if isinstance(client, _Members) else {}
    return str(said.get("name") or ""), str(said.get("version") or "")


def _wrong(file: str, line: int, what: str) -> PolicyError:
    return PolicyError([Problem(file, line, 1, "", what)])
