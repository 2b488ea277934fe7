"""The registered documents of all clients, by id."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from bff.execution.trusted.manifest import Manifest, Registered, read
from bff.policy.problem import PolicyError, Problem

FOLDER = "documents"
"""Below the folder of policies."""

_PREFIX = "sha256:"
_OPERATION = re.compile(r"\b(?:query|mutation|subscription)\s+([_A-Za-z][_0-9A-Za-z]*)")


@dataclass(frozen=True, slots=True)
class Known:
    """A registered text and its SHA-256 in hexadecimal."""

    text: str
    hash: str


class Registry:
    """Finds registered documents by the id of a manifest, or by the SHA-256 of their text.

    Raises:
        PolicyError: One id means two texts.
    """

    def __init__(self, manifests: Iterable[Manifest] = ()) -> None:
        self.manifests = tuple(manifests)
        self._known: dict[str, Known] = {}
        problems: list[Problem] = []
        for manifest in self.manifests:
            problems += [problem for one in manifest.documents if (problem := self._add(one, manifest))]
        if problems:
            raise PolicyError(problems)

    def _add(self, document: Registered, manifest: Manifest) -> Problem | None:
        known = Known(document.text, hash_of(document.text))
        other = self._known.setdefault(document.id, known)
        if other.hash != known.hash:
            what = f"id {document.id!r} already means another text, registered by another client or version"
            return Problem(manifest.file, document.line, 1, "", what)
        self._known.setdefault(known.hash, known)
        return None

    def find(self, identifier: str) -> Known | None:
        """Return the text that *identifier* means: an id, a SHA-256, or the latter after `sha256:`."""
        return self._known.get(identifier.removeprefix(_PREFIX))

    def texts(self) -> Iterator[tuple[Registered, Known]]:
        """Return each text once, with the first document that has it."""
        seen: set[str] = set()
        for manifest in self.manifests:
            for one in manifest.documents:
                known = self._known[one.id]
                if known.hash not in seen:
                    seen.add(known.hash)
                    yield one, known

    def names(self) -> set[str]:
        """Return the names of registered operations, and perhaps words that no operation has for a name.

        Texts are only searched, for parsing thousands of them would hold up the start.
        """
        names: set[str] = set()
        for registered, known in self.texts():
            names.update((registered.name,) if registered.name else _OPERATION.findall(known.text))
        return names

    def __len__(self) -> int:
        return len({known.hash for known in self._known.values()})


def hash_of(text: str) -> str:
    """Return the SHA-256 of *text* in hexadecimal, by which a document is known everywhere."""
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def load(policies: Path) -> Registry:
    """Return what is registered below the folder of *policies*; nothing where there is no folder for it.

    Raises:
        PolicyError: A file is no manifest, or one id means two texts.
    """
    return Registry(read(path) for path in sorted((policies / FOLDER).glob("*.json")))
