"""One server span for each HTTP request to the endpoint; a client's trace goes on in it."""

from typing import Final

from opentelemetry.context import Context
from opentelemetry.trace import SpanKind, Status, StatusCode, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from bff.server.ports import ASGIApp, Message, Receive, Scope, Send

_CARRIED: Final = (b"traceparent", b"tracestate")
_FAULT: Final = 500


class ServerSpans:
    """The ASGI app around the endpoint at *route*; there is none where nobody listens to spans."""

    def __init__(self, app: ASGIApp, tracer: Tracer, *, route: str) -> None:
        self._app = app
        self._tracer = tracer
        self._route = route
        self._propagator = TraceContextTextMapPropagator()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request inside a span; what is not the endpoint itself, such as assets, has none."""
        if scope["type"] != "http" or not scope["path"].endswith(self._route):
            await self._app(scope, receive, send)
            return
        attributes = {
            "http.request.method": scope["method"],
            "http.route": self._route,
            "url.path": scope["path"],
            "url.scheme": scope.get("scheme", "http"),
        }
        with self._tracer.start_as_current_span(
            f"{scope['method']} {self._route}",
            context=self._parent(scope),
            kind=SpanKind.SERVER,
            attributes=attributes,
        ) as span:

            async def note(message: Message) -> None:
                if message["type"] == "http.response.start":
                    status = message["status"]
                    span.set_attribute("http.response.status_code", status)
                    if status >= _FAULT:
                        span.set_status(Status(StatusCode.ERROR))
                await send(message)

            await self._app(scope, receive, note)

    def _parent(self, scope: Scope) -> Context | None:
        carried = {name.decode(): value.decode("latin-1") for name, value in scope["headers"] if name in _CARRIED}
        return self._propagator.extract(carried) if carried else None
