"""What policy files said when they were read last, so that reading them again costs only what has changed."""

from hashlib import sha256

from bff.policy.document import Located, parse
from bff.policy.problem import Problem

_Found = tuple[Located | None, list[Problem]]


class Parsed:
    """Parses the files of one reading; not again those that are as in the reading *before*."""

    def __init__(self, before: "Parsed | None" = None) -> None:
        self._before = before.found() if before is not None else {}
        self._files: dict[str, tuple[bytes, _Found]] = {}

    def parse(self, file: str, content: bytes) -> _Found:
        """Return what *content* says and what is wrong with it, as `bff.policy.document.parse`."""
        known = self._before.get(file)
        found = known[1] if known is not None and known[0] == content else parse(file, content)
        self._files[file] = (content, found)
        return found

    def found(self) -> dict[str, tuple[bytes, _Found]]:
        """Return content and meaning of each file."""
        return dict(self._files)

    def close(self) -> str:
        """End the reading and return the SHA-256 of all that was read, in hexadecimal."""
        self._before = {}
        digest = sha256()
        for file, (content, _) in sorted(self._files.items()):
            digest.update(f"{len(file)}:{file}{len(content)}:".encode() + content)
        return digest.hexdigest()
