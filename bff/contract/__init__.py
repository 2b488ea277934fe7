"""The contract of errors and degradation reports, version 1, as JSON Schema: `error-v1.schema.json`."""

import json
from importlib.resources import files
from typing import Any


def error_schema() -> dict[str, Any]:
    """Return the JSON Schema that every answer of a GraphQL request holds."""
    text = files(__package__).joinpath("error-v1.schema.json").read_text("utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema
