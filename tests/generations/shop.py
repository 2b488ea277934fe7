"""The application of these tests: one field for each of two services, and one that asks nobody."""

import os

import strawberry

from bff import Context, Upstream, field, resolver

stock, mail = Upstream("stock"), Upstream("mail")
stock_thing = stock.get("/things/{id}", returns=str, name="thing")
mail_thing = mail.get("/things/{id}", returns=str, name="thing")


@resolver(calls=[stock_thing])
async def in_stock(context: Context, id: str) -> str | None:  # noqa: A002 - its public name
    return await stock_thing(context, id=id)


@resolver(calls=[mail_thing])
async def in_mail(context: Context, id: str) -> str | None:  # noqa: A002 - its public name
    return await mail_thing(context, id=id)


@resolver(calls=[])
async def asker(context: Context) -> str:
    return context.principal.subject or "nobody"


@resolver(calls=[])
async def process(context: Context) -> int:
    return os.getpid()


@strawberry.type
class Query:
    thing: str | None = field(in_stock, description="What the stock has.")
    letter: str | None = field(in_mail, description="What came by mail.")
    me: str = field(asker, description="Who asks.")
    process: int = field(process, description="Which process answers.")


schema = strawberry.Schema(Query)
