"""Which handler answers which path: templates such as `/dishes/{id}`, the more literal one first."""

import re
from dataclasses import dataclass, replace
from urllib.parse import unquote

from bff.testing.http_message import Reply, Request
from bff.testing.http_server import Handler

_BRACES = re.compile(r"\{([^{}/]+)\}")
UNMATCHED = "(no route)"
"""What stands for the template of a path that no route has, so that statistics stay small."""


@dataclass(frozen=True, slots=True)
class Route:
    """One method of one template, and what answers it."""

    method: str
    template: str
    pattern: re.Pattern[str]
    handler: Handler


class Routes:
    """A handler made of handlers: 404 and 405 as problem+json, HEAD wherever there is GET.

    Of two templates that fit, the one with fewer braces wins; a later route replaces an equal earlier one.
    """

    def __init__(self) -> None:
        self._routes: list[Route] = []

    def add(self, method: str, template: str, handler: Handler) -> None:
        """Let *handler* answer *method* on *template*; it finds the braces' values in `Request.params`.

        Raises:
            ValueError: *template* does not begin with a slash.
        """
        if not template.startswith("/"):
            raise ValueError(f"template {template!r} does not begin with a slash")
        method = method.upper()
        self._routes = [r for r in self._routes if (r.method, r.template) != (method, template)]
        self._routes.append(Route(method, template, _pattern(template), handler))
        self._routes.sort(key=lambda route: (len(_BRACES.findall(route.template)), route.template))

    def template(self, request: Request) -> str:
        """Return the template that the path of *request* fits, or `UNMATCHED`."""
        return next((route.template for route in self._fitting(request.raw_path)), UNMATCHED)

    def _fitting(self, path: str) -> list[Route]:
        return [route for route in self._routes if route.pattern.fullmatch(path)]

    async def __call__(self, request: Request) -> Reply:
        """Answer *request*."""
        fitting = self._fitting(request.raw_path)
        if not fitting:
            return Reply.problem(404, f"there is no {request.path}")
        wanted = {request.method, "GET"} if request.method == "HEAD" else {request.method}
        route = next((route for route in fitting if route.method in wanted), None)
        if route is None:
            allowed = ", ".join(sorted({route.method for route in fitting}))
            return Reply.problem(405, f"{request.path} takes {allowed}", (("allow", allowed),))
        match = route.pattern.fullmatch(request.raw_path)
        assert match is not None
        names = _BRACES.findall(route.template)
        params = dict(zip(names, map(unquote, match.groups()), strict=True))
        return await route.handler(replace(request, params=params))


def _pattern(template: str) -> re.Pattern[str]:
    literal = _BRACES.split(template)[::2]
    return re.compile("([^/]+)".join(re.escape(part) for part in literal))
