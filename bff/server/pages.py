"""The pages for people that `bff/web` has built: their names, their files, and how these are sent."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Final, Self

from starlette.datastructures import Headers
from starlette.responses import FileResponse, Response

_MEDIA_TYPES: Final = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}

_NEVER: Final = re.compile(r"q=0(\.0*)?")

SECURITY: Final = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""On every page and every part of one."""

SEALED: Final = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
"""For everything but the page; a worker lives under the policy of its own script, so it may connect to nobody."""

FIRST: Final = "graphiql"
"""The page that the manifest describes at its top."""


_NOT_BUILT: Final = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
</head>
<body>
<h1>{name} is not built yet</h1>
<p>Run <code>make web</code> in the checkout, then load this page again.</p>
<p>{instead}</p>
</body>
</html>
"""


@dataclass(frozen=True, slots=True)
class BuiltPage:
    """The names that one page loads first."""

    script: str
    style: str
    icon: str
    preload: Sequence[str]

    def preloads(self, here: str) -> str:
        """Return links to what the script will need, for the head of the page; *here* is where assets are."""
        return "\n".join(f'<link rel="modulepreload" href="{here}{name}">' for name in self.preload)


@dataclass(frozen=True, slots=True)
class _Manifest:
    """What the build left: its pages, and all files that may be sent."""

    pages: Mapping[str, BuiltPage]
    files: Mapping[str, Path]

    @classmethod
    def read(cls, directory: Path) -> Self:
        """Read the manifest in *directory*; raises FileNotFoundError where nothing was built."""
        told = json.loads((directory / "manifest.json").read_text("utf-8"))
        further = {name: told.pop(name) for name in list(told) if isinstance(told[name], dict)}
        pages = {FIRST: BuiltPage(**told)}
        pages |= {name: BuiltPage(icon=told["icon"], **page) for name, page in further.items()}
        files = {path.name: path for path in (directory / "assets").iterdir() if path.suffix in _MEDIA_TYPES}
        return cls(pages, files)


class Built:
    """What is in the folder that the build wrote, also when that was after we started.

    Args:
        directory: Usually `bff/web/dist`.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._built_at = 0
        self._manifest: _Manifest | None = None

    def page(self, name: str = FIRST) -> BuiltPage | None:
        """Return the page *name*, None while it is not built."""
        manifest = self._current()
        return manifest.pages.get(name) if manifest else None

    def asset(self, name: str, request: Headers) -> Response:
        """Return the file *name* as a client with the header fields *request* understands it, or 404."""
        manifest = self._manifest or self._current()
        path = manifest.files.get(name) if manifest else None
        if path is None:
            return problem(HTTPStatus.NOT_FOUND)
        headers = {
            **SECURITY,
            "Cache-Control": "public, max-age=31536000, immutable",
            "Content-Security-Policy": SEALED,
            "Vary": "Accept-Encoding",
            "ETag": f'"{name}"',
        }
        compressed = path.with_name(f"{name}.gz")
        if _accepts_gzip(request) and compressed.exists():
            path = compressed
            headers |= {"Content-Encoding": "gzip", "ETag": f'"{compressed.name}"'}
        if _matches(request, headers["ETag"]):
            headers.pop("Content-Encoding", None)
            return Response(None, HTTPStatus.NOT_MODIFIED, headers)
        return FileResponse(path, headers=headers, media_type=_MEDIA_TYPES[Path(name).suffix])

    def _current(self) -> _Manifest | None:
        try:
            built_at = (self._directory / "manifest.json").stat().st_mtime_ns
            if built_at != self._built_at:
                self._manifest, self._built_at = _Manifest.read(self._directory), built_at
        except FileNotFoundError:
            return None
        return self._manifest


def _accepts_gzip(request: Headers) -> bool:
    """Whether `Accept-Encoding` names gzip with a quality above 0 (RFC 9110, 12.5.3)."""
    for element in request.get("accept-encoding", "").lower().split(","):
        coding, *parameters = (part.strip() for part in element.split(";"))
        if coding == "gzip":
            return not any(_NEVER.fullmatch(parameter) for parameter in parameters)
    return False


def _matches(request: Headers, etag: str) -> bool:
    """Whether `If-None-Match` names *etag*, weakly compared (RFC 9110, 13.1.2)."""
    tags = [tag.strip().removeprefix("W/") for tag in request.get("if-none-match", "").split(",")]
    return etag in tags or tags == ["*"]


def not_built(title: str, name: str, instead: str, headers: Mapping[str, str] | None = None) -> Response:
    """Return what stands in, as 503, for the page *name* that the build has not made; *instead* is HTML."""
    text = _NOT_BUILT.format(title=title, name=name, instead=instead)
    fields = {**SECURITY, "Cache-Control": "no-store", "Content-Security-Policy": SEALED, **(headers or {})}
    return Response(text, HTTPStatus.SERVICE_UNAVAILABLE, fields, "text/html")


def problem(status: HTTPStatus, headers: Mapping[str, str] | None = None) -> Response:
    """Return *status* as problem details (RFC 9457)."""
    content = json.dumps({"type": "about:blank", "title": status.phrase, "status": int(status)})
    fields = {**SECURITY, "Content-Security-Policy": SEALED, "Cache-Control": "no-store", **(headers or {})}
    return Response(content, status, fields, "application/problem+json")
