"""An application written for Strawberry's own router: a context getter, and a lifespan that opens things."""

from contextlib import asynccontextmanager

import strawberry

OPEN: list[str] = []


@asynccontextmanager
async def lifespan(app):
    OPEN.append("shelf")
    yield
    OPEN.clear()


async def context():
    return {"shelf": list(OPEN)}


async def fed_by_fastapi(request, response):
    return {}


@strawberry.type
class Query:
    @strawberry.field
    def shelf(self, info: strawberry.Info) -> list[str]:
        return info.context["shelf"]


schema = strawberry.Schema(Query)
