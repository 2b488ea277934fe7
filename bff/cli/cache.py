"""`bff cache`: what is kept of services' answers, and forgetting it."""

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bff.cli.admin import DEFAULT, ask
from bff.cli.output import Format, FormatOption, Unusable, example, say, say_json, say_table
from bff.cli.project import PoliciesOption

if TYPE_CHECKING:
    from bff.store.redis_store import RedisStore

app = typer.Typer(help="Look at the cache, and forget parts of it.", no_args_is_help=True, rich_markup_mode=None)

RedisOption = Annotated[
    str | None, typer.Option("--redis-url", help="The Redis that replicas share. Also BFF_REDIS_URL.")
]
AdminOption = Annotated[
    str | None,
    typer.Option("--admin", metavar="URL", help=f"Admin port of a process without Redis, {DEFAULT}."),
]
_OTHERWISE = "name the Redis with --redis-url"
_PATIENCE = timedelta(seconds=5)


@app.command("purge", epilog=example("bff cache purge --tag catalog"))
def purge(  # noqa: PLR0917 - typer reads options from parameters
    tag: Annotated[str | None, typer.Option(help="Forget everything with this tag.")] = None,
    key: Annotated[str | None, typer.Option(help="Forget one entry.")] = None,
    upstream: Annotated[str | None, typer.Option(help="Forget everything of this upstream.")] = None,
    redis_url: RedisOption = None,
    admin: AdminOption = None,
    policies: PoliciesOption = None,
    output: FormatOption = Format.HUMAN,
) -> None:
    """Forget entries, in Redis for all replicas or in one process through its admin port.

    Takes the same time however many entries there are. Replicas notice within a second.
    """
    given = {kind: value for kind, value in (("tag", tag), ("key", key), ("upstream", upstream)) if value}
    if len(given) != 1:
        raise Unusable("say one of --tag, --key and --upstream")
    store = _redis(redis_url, admin, policies)
    if store is None:
        whole = {"tag": None, "key": None, "upstream": None, **given}
        told = ask(admin, "/admin/api/cache/purge", whole, otherwise=_OTHERWISE)
    else:
        import asyncio  # noqa: PLC0415 - slow to import

        told = asyncio.run(_purge(store, given))
    say_json(told) if output is Format.JSON else say(f"forgotten: {told['forgotten']}")


@app.command("stats", epilog=example("bff cache stats --admin http://127.0.0.1:8001"))
def stats(
    redis_url: RedisOption = None,
    admin: AdminOption = None,
    policies: PoliciesOption = None,
    output: FormatOption = Format.HUMAN,
) -> None:
    """Show how much is kept and how often it helped."""
    store = _redis(redis_url, admin, policies)
    if store is None:
        told = ask(admin, "/admin/api/cache", otherwise=_OTHERWISE)
    else:
        import asyncio  # noqa: PLC0415 - slow to import

        told = {"store": asyncio.run(_stats(store))}
    if output is Format.JSON:
        say_json(told)
        return
    rows = [(part, name, str(value)) for part, values in told.items() for name, value in values.items()]
    say_table(("where", "what", "value"), rows, title="cache")


def _redis(url: str | None, admin: str | None, policies: Any) -> "RedisStore | None":
    """Return the store that options or environment name, None where the admin port is to be asked."""
    from bff.app import policies_of, shared_store  # noqa: PLC0415 - slow to import
    from bff.cli.serve import gather  # noqa: PLC0415
    from bff.clock import SystemClock  # noqa: PLC0415
    from bff.events import ignore  # noqa: PLC0415

    if admin and url:
        raise Unusable("say one of --admin and --redis-url")
    settings = gather({"redis_url": url, "policies": policies})
    if admin or settings.redis_url is None:
        return None
    # A person waits: the first command has to connect, which no request of a client would wait for.
    patient = policies_of(settings).store.model_copy(
        update={"connect_timeout": _PATIENCE, "command_timeout": _PATIENCE}
    )
    return shared_store(settings, patient, clock=SystemClock(), notify=ignore)


async def _purge(store: "RedisStore", given: dict[str, str]) -> dict[str, str]:
    from bff.store import StoreUnavailable  # noqa: PLC0415 - slow to import
    from bff.upstream.cache.generations import EPOCH  # noqa: PLC0415
    from bff.upstream.cache.keys import upstream_tag  # noqa: PLC0415

    ((kind, value),) = given.items()
    try:
        if kind == "key":
            await store.delete([value])
        else:
            await store.forget([value if kind == "tag" else upstream_tag(value), EPOCH])
    except StoreUnavailable as error:
        raise Unusable(f"Redis cannot be used: {error}") from error
    finally:
        await store.close()
    return {"forgotten": f"{kind} {value}"}


async def _stats(store: "RedisStore") -> dict[str, Any]:
    from bff.store import StoreUnavailable  # noqa: PLC0415 - slow to import

    try:
        return dict(await store.stats())
    except StoreUnavailable as error:
        raise Unusable(f"Redis cannot be used: {error}") from error
    finally:
        await store.close()
