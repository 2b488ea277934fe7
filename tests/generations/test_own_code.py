"""What an application brings along besides its schema is there from the first request to the last."""

import pytest

from bff.app import build
from bff.settings import Settings, SettingsError
from tests.generations import own_code
from tests.generations.conftest import lifespan_of

HERE = "tests.generations.own_code"


async def test_a_context_getter_and_a_lifespan_serve_as_they_are(start):
    bff = await start({}, schema_name=f"{HERE}:schema", context=f"{HERE}:context", lifespan=f"{HERE}:lifespan")

    assert await bff.ask("{ shelf }") == {"data": {"shelf": ["shelf"]}}
    await bff.reload()
    assert await bff.ask("{ shelf }") == {"data": {"shelf": ["shelf"]}}


async def test_what_was_opened_is_closed():
    service = build(Settings(schema_name=f"{HERE}:schema", lifespan=f"{HERE}:lifespan"))

    async with lifespan_of(service.app):
        assert own_code.OPEN == ["shelf"]

    assert own_code.OPEN == []


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (
            f"{HERE}:fed_by_fastapi",
            "context .* needs request and response: write a function of one argument, or of none",
        ),
        (f"{HERE}:nothing", "own_code.nothing is nothing, not a function"),
        (f"{HERE}:OPEN", "is a list, not a function"),
        ("nowhere:context", "no module 'nowhere'"),
        ("context", "write MODULE:ATTRIBUTE"),
    ],
)
def test_what_cannot_make_contexts_is_told_at_the_start(name, said):
    with pytest.raises(SettingsError, match=said):
        build(Settings(schema_name=f"{HERE}:schema", context=name))
