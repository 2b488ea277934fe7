"""JSON Schema of each kind of policy file, for editors."""

import json
from datetime import timedelta
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from bff.policy.auth import AuthPolicy
from bff.policy.caching import StorePolicy
from bff.policy.clients import ClientDefaults, ClientPolicy
from bff.policy.console import ConsolePolicy
from bff.policy.docstrings import describe
from bff.policy.model import OperationsPolicy, UpstreamDefaults, UpstreamPolicy
from bff.policy.network import NetworkPolicy
from bff.policy.units import Bytes, format_duration, format_size

KINDS: dict[str, type[BaseModel]] = {
    "auth": AuthPolicy,
    "operations": OperationsPolicy,
    "defaults": UpstreamDefaults,
    "upstream": UpstreamPolicy,
    "store": StorePolicy,
    "network": NetworkPolicy,
    "console": ConsolePolicy,
    "clients": ClientDefaults,
    "client": ClientPolicy,
}
"""The kinds of policy files; `bff.policy.reference.FILES` says where each is."""


class _Generator(GenerateJsonSchema):
    """Writes defaults as policies write them, and leaves out what editors would only repeat."""

    def encode_default(self, dft: Any) -> Any:
        if isinstance(dft, timedelta):
            return format_duration(dft)
        if isinstance(dft, Bytes):
            return format_size(dft)
        if isinstance(dft, frozenset):
            return sorted(dft)
        return super().encode_default(dft)

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        default = schema.get("default")
        if isinstance(default, BaseModel) or not isinstance(default, _PLAIN):
            return self.generate_inner(schema["schema"])
        return super().default_schema(schema)

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        found = super().model_schema(schema)
        for name, field in schema["cls"].model_fields.items():
            if field.description is not None and name in found.get("properties", {}):
                found["properties"][name] = {"description": field.description, **found["properties"][name]}
        return found

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - the signature is pydantic's
        return False


_PLAIN = (str, int, float, bool, timedelta, frozenset)


def schema(kind: str) -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of the policy files of *kind*, one of `KINDS`."""
    model = KINDS[kind]
    describe(model)
    found = model.model_json_schema(schema_generator=_Generator)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": f"bff policy: {kind}"} | {
        key: value for key, value in found.items() if key != "title"
    }


def text(kind: str) -> str:
    """Return `schema` of *kind* as the text of a file."""
    return json.dumps(schema(kind), indent=2, ensure_ascii=False) + "\n"
