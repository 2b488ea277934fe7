"""Reads `[tool.bff.demo.issuer]` of pyproject.toml."""

from pathlib import Path

from pydantic import ValidationError

from bff.auth.development.model import IssuerConfig
from bff.settings import SettingsError, tool_table


def read_issuer(directory: Path) -> IssuerConfig | None:
    """Return the development issuer that *directory*'s pyproject.toml describes, None where it has none.

    Raises:
        SettingsError: It cannot be used.
    """
    file = directory / "pyproject.toml"
    demo = tool_table(file).get("demo")
    table = demo.get("issuer") if isinstance(demo, dict) else None
    if table is None:
        return None
    try:
        return IssuerConfig.model_validate(table)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        raise SettingsError(f"{key} in [tool.bff.demo.issuer] of {file}: {first['msg']}") from error
