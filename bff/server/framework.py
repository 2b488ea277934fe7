"""What FastAPI does: everything over HTTP but the GraphQL route."""

from http import HTTPStatus

from fastapi import APIRouter, FastAPI
from fastapi.exceptions import RequestValidationError
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from opentelemetry.trace import TracerProvider
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from bff.server.ports import ASGIApp


def instrumented(tracing: TracerProvider | None, *routers: APIRouter, **options: object) -> FastAPI:
    """Return a FastAPI app with *routers* that traces its routes, without a span for each message of a request."""
    app = FastAPI(title="bff", docs_url=None, redoc_url=None, openapi_url=None, **options)  # type: ignore[arg-type]  # passed on as given
    app.add_exception_handler(HTTPException, problem)
    app.add_exception_handler(RequestValidationError, unreadable)
    for router in routers:
        app.include_router(router)
    FastAPIInstrumentor.instrument_app(app, tracer_provider=tracing, exclude_spans=["receive", "send"])
    return app


async def problem(_request: Request, error: Exception) -> Response:
    """Return what FastAPI refuses in the form of all other failures (PD-9)."""
    assert isinstance(error, HTTPException)
    title = HTTPStatus(error.status_code).phrase
    content = {"type": "about:blank", "title": title, "status": error.status_code}
    if error.detail != title:
        content["detail"] = error.detail
    return JSONResponse(content, error.status_code, error.headers, media_type="application/problem+json")


async def unreadable(_request: Request, error: Exception) -> Response:
    """Return what is wrong with a request's body or parameters, in the same form."""
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"][1:]) or "the body"
    content = {
        "type": "about:blank",
        "title": HTTPStatus.UNPROCESSABLE_ENTITY.phrase,
        "status": 422,
        "detail": f"{place}: {first['msg']}",
    }
    return JSONResponse(content, 422, media_type="application/problem+json")


def admin_app(health: ASGIApp, tracing: TracerProvider | None, *routers: APIRouter) -> FastAPI:
    """Return the app of the admin port: *health* and what *routers* offer."""
    app = instrumented(tracing, *routers)
    app.mount("/", health)
    return app
