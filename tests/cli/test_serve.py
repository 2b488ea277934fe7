"""A start that cannot be ends with what to do; the rest of `bff serve` is seen in `tests/e2e`."""

import pytest


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--schema", "nowhere:schema"], "no module 'nowhere'"),
        (["--schema", "schema:nothing"], "schema.nothing is nothing, not a strawberry.Schema"),
        (["--port", "70000"], "--port: Input should be less than or equal to 65535, not 70000"),
        (["--policies", "tests/policy/broken"], "the policies are not valid, nothing was started"),
        (["--workers", "0"], "--workers: Input should be greater than or equal to 1"),
    ],
)
def test_a_start_that_cannot_be_says_why_and_what_to_do(reference_application, arguments, message):
    result = reference_application.bff("serve", *arguments)

    assert result.code == 2
    assert message in result.err


def test_an_exporter_that_is_not_built_in_is_refused_with_the_way_to_it(reference_application):
    result = reference_application.bff("serve", OTEL_TRACES_EXPORTER="zipkin")

    assert result.code == 2
    assert "start bff with `opentelemetry-instrument`" in result.err
