"""Settings of one process: a command's options, then the environment, then `[tool.bff]` in pyproject.toml."""

import importlib
import json
import sys
import tomllib
from collections.abc import Callable, Mapping
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError

if TYPE_CHECKING:
    import strawberry
    from graphql import GraphQLSchema

_SECRET = frozenset({"redis_url"})
"""Settings whose values are never repeated, not even when they are wrong."""

EXAMPLE_HEADERS = '{"Authorization": "Bearer ..."}'


class SettingsError(Exception):
    """A setting is missing or cannot be used; the message says where it came from and what to write."""


def _from_json(value: Any) -> Any:
    try:
        return json.loads(value) if isinstance(value, str) else value
    except ValueError as error:
        raise ValueError(f"not JSON ({error}); write an object such as {EXAMPLE_HEADERS}") from error


def _names_redis(value: SecretStr | None) -> SecretStr | None:
    from bff.store.address import Address  # noqa: PLC0415 - only where Redis is used

    if value is not None:
        Address.parse(value.get_secret_value())
    return value


class Settings(BaseModel):
    """What a process needs to know before it reads any policy.

    Each is an option of `bff serve`, an environment variable `BFF_NAME`, and a key of `[tool.bff]`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_name: str | None = None
    """The schema as `MODULE:ATTRIBUTE`, such as `schema:schema`; `schema` in options and files."""

    context: str | None = None
    """What makes the application's own context for each operation, as `MODULE:ATTRIBUTE`: a function, plain or
    async, of nothing or of the `bff.Context`. Resolvers find what it returns in `info.context`."""

    lifespan: str | None = None
    """What opens and closes what the application's own code needs, as `MODULE:ATTRIBUTE`: a function that returns
    an async context manager, of nothing or of the ASGI app, as FastAPI's."""

    policies: Path | None = None
    """Folder of the policy files; `policies` where there is one, else defaults rule."""

    operations: Path | None = None
    """Folder of `.graphql` files that GraphiQL opens as tabs."""

    host: str = "127.0.0.1"
    """Address of the public port."""

    port: Annotated[int, Field(ge=0, le=65535)] = 8000
    """Public port; 0 takes a free one and prints it."""

    admin_host: str = "127.0.0.1"
    """Address of the admin port; `policies/console.yaml` says who may look and act there."""

    admin_port: Annotated[int, Field(ge=0, le=65535)] = 8001
    """Admin port: health, metrics and the console."""

    workers: Annotated[int, Field(ge=1, le=256)] = 1
    """Processes that share the public port."""

    redis_url: Annotated[SecretStr | None, AfterValidator(_names_redis)] = None
    """What replicas share is there; without it everything stays in the process. Never shown, for its password."""

    development: bool = False
    """Opens introspection and GraphiQL whatever the policies say; never set it in production."""

    executor: Literal["compiled", "interpreted"] = "compiled"
    """How operations run: compiled to Python, once each, or by graphql-core's interpreter, as a way back."""

    watch: bool = True
    """Reads the policies anew when their files change; without it on SIGHUP and when the admin port is told."""

    verbose: bool = False
    """Logs every attempt and every operation, not only what went wrong."""

    log_format: Literal["json", "text"] = "json"
    """Lines on standard error: `json` for collectors, `text` for people at a terminal."""

    graphiql_headers: Annotated[dict[str, str], BeforeValidator(_from_json)] = {}
    """Headers that GraphiQL starts with; in the environment as a JSON object."""

    @classmethod
    def gather(
        cls, options: Mapping[str, Any], *, environ: Mapping[str, str], directory: Path | None = None
    ) -> Self:
        """Return the settings from *options* (None values count as absent), *environ* and *directory*'s pyproject.

        Raises:
            SettingsError: One of them cannot be used.
        """
        file = (directory or Path.cwd()) / "pyproject.toml"
        known = {("schema" if name == "schema_name" else name): name for name in cls.model_fields}
        values: dict[str, Any] = {}
        origins: dict[str, str] = {}
        for name, value in tool_table(file).items():
            if name in known:
                values[known[name]], origins[known[name]] = value, f"{name} in [tool.bff] of {file}"
        for name, field in known.items():
            variable = f"BFF_{name.upper()}"
            if environ.get(variable):
                values[field], origins[field] = environ[variable], variable
        for name, value in options.items():
            if value is not None:
                values[name], origins[name] = value, f"--{name.removesuffix('_name').replace('_', '-')}"
        try:
            return cls(**values)
        except ValidationError as error:
            first = error.errors()[0]
            place = origins.get(str(first["loc"][0]), str(first["loc"][0]))
            said = "" if first["loc"][0] in _SECRET else f", not {first['input']!r}"
            raise SettingsError(f"{place}: {first['msg']}{said}") from error


def tool_table(file: Path) -> dict[str, Any]:
    """Return `[tool.bff]` of *file*, empty where there is none.

    Raises:
        SettingsError: The file is not TOML.
    """
    try:
        with file.open("rb") as opened:
            table = tomllib.load(opened).get("tool", {}).get("bff", {})
    except FileNotFoundError:
        return {}
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{file}: not TOML: {error}") from error
    return table if isinstance(table, dict) else {}


def load_schema(name: str | None, *, directory: Path | None = None) -> "strawberry.Schema | GraphQLSchema":
    """Return the schema that *name* (`MODULE:ATTRIBUTE`) stands for, imported from *directory* first.

    Raises:
        SettingsError: There is no such schema, or its module cannot be imported.
    """
    if not name:
        raise SettingsError(
            "no schema: say which with --schema MODULE:ATTRIBUTE, with BFF_SCHEMA, or with "
            '`schema = "schema:schema"` under [tool.bff] in pyproject.toml'
        )
    import strawberry  # noqa: PLC0415 - slow to import, and `bff --help` reads this module
    from graphql import GraphQLSchema  # noqa: PLC0415 - as above

    found = _imported("schema", name, directory)
    if not isinstance(found, strawberry.Schema | GraphQLSchema):
        raise SettingsError(f"schema {name!r}: {_stated(name, found)}, not a strawberry.Schema")
    return found


def load_function(setting: str, name: str | None) -> Callable[..., Any] | None:
    """Return the function that *name* (`MODULE:ATTRIBUTE`) stands for, None for None; errors name *setting*.

    Raises:
        SettingsError: There is none, its module cannot be imported, or it needs more than one argument.
    """
    if name is None:
        return None
    found: Callable[..., Any] | None = _imported(setting, name, None)
    if not callable(found):
        raise SettingsError(f"{setting} {name!r}: {_stated(name, found)}, not a function")
    needed = [one.name for one in signature(found).parameters.values() if one.default is one.empty]
    if len(needed) > 1:
        raise SettingsError(
            f"{setting} {name!r} needs {' and '.join(needed)}: write a function of one argument, or of none"
        )
    return found


def _stated(name: str, found: object) -> str:
    return f"{name.replace(':', '.')} is {'nothing' if found is None else f'a {type(found).__name__}'}"


def _imported(setting: str, name: str, directory: Path | None) -> Any:
    """Return the attribute that *name* stands for, None where there is none; *directory* is looked in first."""
    module_name, separator, attribute = name.partition(":")
    if not separator or not attribute:
        raise SettingsError(f"{setting} {name!r}: write MODULE:ATTRIBUTE, such as schema:{setting}")
    place = str(directory or Path.cwd())
    if place not in sys.path:
        sys.path.insert(0, place)
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        raise SettingsError(
            f"{setting} {name!r}: no module {error.name!r} (looked in {place} and sys.path)"
        ) from error
    return getattr(module, attribute, None)
