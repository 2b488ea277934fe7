"""`bff token key`: keys for programs that have no issuer."""

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bff.cli.output import Format, FormatOption, Unusable, example, say, say_json, say_table
from bff.cli.project import PoliciesOption, directory

if TYPE_CHECKING:
    from bff.policy.api_keys import ApiKey
    from bff.policy.auth import ApiKeys

app = typer.Typer(help="Make, list and end keys of programs.", no_args_is_help=True, rich_markup_mode=None)

FileOption = Annotated[
    Path | None,
    typer.Option("--file", metavar="FILE", help="Where the keys' hashes are; `api_keys.file` of auth.yaml."),
]


@app.command("create", epilog=example("bff token key create nightly-report --scope orders:read --expires 90d"))
def create(  # noqa: PLR0917 - typer reads options from parameters
    client: Annotated[str, typer.Argument(metavar="CLIENT", help="Which program gets it.")],
    scope: Annotated[list[str] | None, typer.Option(help="What it grants; may be repeated.")] = None,
    expires: Annotated[
        str | None, typer.Option(metavar="DURATION", help="When it ends by itself, such as 90d; never without.")
    ] = None,
    tenant: Annotated[str | None, typer.Option(help="Whose data the program works on.")] = None,
    file: FileOption = None,
    policies: PoliciesOption = None,
    output: FormatOption = Format.HUMAN,
) -> None:
    """Make a key and print it, once: only its hash is kept.

    A program may have two keys at a time, so that the new one is in use before the old one ends.
    """
    import secrets  # noqa: PLC0415 - slow to import, like all below

    from pydantic import ValidationError  # noqa: PLC0415

    from bff.auth.api_keys import MOST_PER_CLIENT, is_good, make_key, now_utc  # noqa: PLC0415
    from bff.clock import SystemClock  # noqa: PLC0415
    from bff.policy.api_keys import ApiKey  # noqa: PLC0415

    policy, path = _place(file, policies)
    keys = _read(path, missing_is_empty=True)
    clock = SystemClock()
    active = [name for name, key in keys.items() if key.client == client and is_good(key, clock.wall())]
    if len(active) >= MOST_PER_CLIENT:
        raise Unusable(
            f"{client} has two keys already, {' and '.join(active)}: end one with `bff token key revoke`"
        )
    now = now_utc(clock)
    until = now + _duration(expires) if expires else None

    def kept(hashed: str) -> "ApiKey":
        given = {"client": client, "hash": hashed, "scopes": tuple(scope or ()), "tenant": tenant}
        return ApiKey.model_validate({**given, "created": now, "expires": until})

    try:
        made = make_key(kept, policy.prefix, secrets.token_urlsafe)
    except ValidationError as error:
        first = error.errors()[0]
        raise Unusable(f"{first['loc'][0]} {first['input']!r} cannot be used: {first['msg']}") from error
    _write(path, {**keys, made.id: made.kept})
    if output is Format.JSON:
        say_json({"id": made.id, "key": made.text, "header": policy.header, "file": path.as_posix()})
        return
    say(f"{made.text}\n\nShown this once. {client} sends it as `{policy.header}`; its hash is in {path}.")


@app.command("list", epilog=example("bff token key list"))
def list_(
    file: FileOption = None,
    redis_url: Annotated[
        str | None, typer.Option("--redis-url", help="Where replicas note the last use. Also BFF_REDIS_URL.")
    ] = None,
    policies: PoliciesOption = None,
    output: FormatOption = Format.HUMAN,
) -> None:
    """Show all keys, without their secrets."""
    from bff.auth.api_keys import is_good  # noqa: PLC0415 - slow to import
    from bff.clock import SystemClock  # noqa: PLC0415

    _, path = _place(file, policies)
    keys = _read(path)
    used = _last_uses(redis_url, policies, list(keys))
    now = SystemClock().wall()
    rows = [
        {
            "id": name,
            "client": key.client,
            "scopes": list(key.scopes),
            "created": key.created.isoformat(),
            "expires": key.expires.isoformat() if key.expires else None,
            "state": "active" if is_good(key, now) else "expired",
            "used": used.get(name),
        }
        for name, key in sorted(keys.items(), key=lambda entry: (entry[1].client, entry[1].created))
    ]
    if output is Format.JSON:
        say_json({"keys": rows})
        return
    columns = ("id", "client", "scopes", "created", "expires", "used", "state")
    say_table(columns, [[_cell(row[name]) for name in columns] for row in rows], title=path.as_posix())


@app.command("revoke", epilog=example("bff token key revoke 7fK3mQ2xW9aB"))
def revoke(
    identity: Annotated[str, typer.Argument(metavar="ID", help="The part of the key between `_` and the dot.")],
    file: FileOption = None,
    policies: PoliciesOption = None,
    output: FormatOption = Format.HUMAN,
) -> None:
    """End a key: running processes notice within a second of reading the file's new state."""
    _, path = _place(file, policies)
    keys = _read(path)
    if identity not in keys:
        known = ", ".join(sorted(keys)) or "none"
        raise Unusable(f"there is no key {identity!r} in {path.as_posix()}; there are: {known}")
    ended = keys.pop(identity)
    _write(path, keys)
    if output is Format.JSON:
        say_json({"revoked": identity, "client": ended.client})
    else:
        say(f"key {identity} of {ended.client} has ended")


def _cell(value: Any) -> str:
    return " ".join(value) if isinstance(value, list) else str(value or "")


def _place(file: Path | None, policies: Path | None) -> "tuple[ApiKeys, Path]":
    """Return what policy says about keys, and where they are."""
    from bff.policy.auth import ApiKeys  # noqa: PLC0415 - slow to import
    from bff.policy.load import load  # noqa: PLC0415
    from bff.policy.problem import PolicyError  # noqa: PLC0415

    if file is not None:
        return ApiKeys(), file
    folder = directory("policies", policies)
    try:
        auth = load(folder).auth
    except PolicyError as error:
        raise Unusable(f"the policies cannot be used:\n{error}") from error
    if auth is None or auth.api_keys.file is None:
        where = (folder / "auth.yaml").as_posix()
        raise Unusable(f"{where} names no file for keys; write `api_keys: {{file: file:keys.yaml}}` or use --file")
    return auth.api_keys, Path(auth.api_keys.file.removeprefix("file:"))


def _read(path: Path, *, missing_is_empty: bool = False) -> "dict[str, ApiKey]":
    from bff.auth.api_keys import KeysUnusable, read_keys  # noqa: PLC0415 - slow to import

    if missing_is_empty and not path.exists():
        return {}
    try:
        return read_keys(path)
    except KeysUnusable as error:
        raise Unusable(str(error)) from error


def _write(path: Path, keys: "dict[str, ApiKey]") -> None:
    from bff.auth.api_keys import write_keys  # noqa: PLC0415 - slow to import

    try:
        write_keys(path, keys)
    except OSError as error:
        raise Unusable(f"{path} cannot be written: {error.strerror}") from error


def _duration(text: str) -> timedelta:
    from bff.policy.problem import Refused  # noqa: PLC0415 - slow to import
    from bff.policy.units import parse_duration  # noqa: PLC0415

    try:
        return parse_duration(text)
    except Refused as error:
        raise Unusable(f"--expires: {error}") from error


def _last_uses(url: str | None, policies: Path | None, names: list[str]) -> dict[str, str]:
    """Return when each key was last used, as far as Redis knows."""
    import asyncio  # noqa: PLC0415 - slow to import

    from bff.app import policies_of, shared_store  # noqa: PLC0415
    from bff.cli.serve import gather  # noqa: PLC0415
    from bff.clock import SystemClock  # noqa: PLC0415
    from bff.events import ignore  # noqa: PLC0415

    settings = gather({"redis_url": url, "policies": policies})
    if settings.redis_url is None:
        return {}
    policy = policies_of(settings).store
    return asyncio.run(_ask(shared_store(settings, policy, use="auth", clock=SystemClock(), notify=ignore), names))


async def _ask(store: Any, names: list[str]) -> dict[str, str]:
    from datetime import UTC, datetime  # noqa: PLC0415 - slow to import

    from bff.auth.api_keys import use_name  # noqa: PLC0415
    from bff.store import StoreUnavailable  # noqa: PLC0415

    try:
        found = await store.get([use_name(name) for name in names])
    except StoreUnavailable as error:
        raise Unusable(f"Redis cannot be reached: {error}") from error
    finally:
        await store.close()
    return {
        name: datetime.fromtimestamp(int(value), UTC).isoformat()
        for name in names
        if (value := found.get(use_name(name)))
    }
