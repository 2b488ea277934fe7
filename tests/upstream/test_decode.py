"""What fits becomes typed values, what does not costs as little as possible and names its place."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bff.upstream.decode import BatchDecoder, GraphQLDecoder, decoder_of
from bff.upstream.errors import UpstreamError
from bff.upstream.message import Response
from bff.upstream.outcome import Outcome

JSON = {"content-type": "application/json; charset=utf-8"}


class Dish(msgspec.Struct, rename="camel"):
    dish_id: str
    name: str


def answer(body, headers=None, status=200):
    return Response(status, JSON if headers is None else headers, body)


@pytest.mark.parametrize(
    ("body", "headers", "detail"),
    [
        (b"<html>sorry</html>", {"content-type": "text/html"}, "content-type is text/html, not JSON"),
        (b"{}", {}, "content-type is absent, not JSON"),
        (b"\x0b\x02", {**JSON, "content-encoding": "br"}, "content coding 'br' was not asked for"),
        (b'{"dishId": "d1", "na', None, "truncated"),
        (b'{"dishId": "d1", "name": NaN}', None, "malformed"),
        (b'{"dishId": "d1", "name": "\\ud800"}', None, ""),
        (b'{"dishId": 1, "name": "x"}', None, "$.dishId"),
        (b'{"dishId": "d1"}', None, "name"),
        (b'{"dishId": "d1", "name": 1e400}', None, ""),
        (b"[" * 100_000, None, ""),
        (b"", None, ""),
        (b"\xff\xfe{}", None, ""),
    ],
)
def test_a_body_of_another_shape_is_a_bad_payload(body, headers, detail):
    """Faults 11 to 13; the detail goes to the log."""
    with pytest.raises(UpstreamError) as refused:
        decoder_of(Dish)(answer(body, headers))

    assert refused.value.outcome is Outcome.BAD_PAYLOAD
    assert detail in refused.value.detail


def test_additional_members_and_json_media_types_are_welcome():
    body = b'{"dishId": "d1", "name": "Pho", "new": true}'

    assert decoder_of(Dish)(answer(body, {"content-type": "application/hal+json"})) == Dish("d1", "Pho")


def test_an_empty_body_is_none_where_none_is_declared():
    assert decoder_of(Dish | None)(answer(b"", {}, 204)) is None
    assert decoder_of(None)(answer(b"", {}, 204)) is None


def test_a_batch_finds_each_key_whatever_the_order():
    """Fault 25: missing, extra, reordered and duplicate keys."""
    body = (
        b'[{"dishId":"c","name":"C"},{"dishId":"x","name":"X"},{"dishId":"a","name":"A"},'
        b'{"dishId":"a","name":"A"}]'
    )

    found = BatchDecoder(list[Dish], "dish_id")(answer(body), ["a", "b", "c"])

    assert found == [Dish("a", "A"), None, Dish("c", "C")]


class Numbered(msgspec.Struct):
    id: int


def test_keys_are_found_by_their_text():
    """PY-11: 1 and "1" are one key, however the service writes it."""
    assert BatchDecoder(list[Numbered], "id")(answer(b'[{"id":2},{"id":1}]'), ["1", "2", "3"]) == [
        Numbered(1),
        Numbered(2),
        None,
    ]


@given(st.lists(st.integers(0, 6), max_size=8), st.lists(st.integers(0, 8).map(str), max_size=6))
@settings(deadline=None)
def test_a_whole_list_is_read_as_its_items_one_by_one_are(ids, texts):
    """Which of two items with the same key counts must not depend on whether another item is broken."""
    body = msgspec.json.encode([{"dishId": str(key), "name": str(place)} for place, key in enumerate(ids)])
    decode = BatchDecoder(list[Dish], "dish_id")

    assert decode(answer(body), texts) == decode.match(msgspec.json.decode(body, type=list[msgspec.Raw]), texts)


def test_a_broken_item_costs_only_its_own_key():
    body = b'[{"dishId":"a","name":"A"},{"dishId":"b","name":7},{"dishId":"c","name":"C"}]'

    a, b, c = BatchDecoder(list[Dish], "dish_id")(answer(body), ["a", "b", "c"])

    assert (a.name, c.name) == ("A", "C")
    assert b.outcome is Outcome.BAD_PAYLOAD
    assert "$.name" in b.detail


def test_an_item_without_a_readable_key_makes_missing_keys_errors():
    """Nobody can tell which key it belonged to, so none may pass as "there is none"."""
    body = b'[{"dishId":"a","name":"A"},{"name":"?"}]'

    a, b = BatchDecoder(list[Dish], "dish_id")(answer(body), ["a", "b"])

    assert a == Dish("a", "A")
    assert isinstance(b, UpstreamError)


def test_a_batch_that_is_no_list_is_a_bad_payload():
    with pytest.raises(UpstreamError) as refused:
        BatchDecoder(list[Dish], "dish_id")(answer(b'{"items": []}'), ["a"])

    assert "Expected `array`, got `object`" in refused.value.detail


def test_a_wrong_declaration_is_refused_when_it_is_made():
    with pytest.raises(TypeError, match="Dish has no attribute 'dishId': key= is one of dish_id, name"):
        BatchDecoder(list[Dish], "dishId")
    with pytest.raises(TypeError, match=r"write returns=list\[\.\.\.\]"):
        BatchDecoder(Dish, "dish_id")


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        (
            b'{"data":{"shop":null},"errors":[{"message":"x","extensions":{"code":"BAD_USER_INPUT"}}]}',
            Outcome.CLIENT_ERROR,
        ),
        (b'{"data":null,"errors":[{"message":"x","extensions":{"code":"TIMEOUT"}}]}', Outcome.SERVER_ERROR),
        (b'{"errors":[{"message":"x"}]}', Outcome.SERVER_ERROR),
        (b'{"data":{}}', Outcome.BAD_PAYLOAD),
        (b'{"data":{"shop":{"dish":{"dishId":1}}}}', Outcome.BAD_PAYLOAD),
        (b'{"data":{"shop":[]}}', Outcome.BAD_PAYLOAD),
        (b"[]", Outcome.BAD_PAYLOAD),
    ],
)
def test_errors_of_a_graphql_service_are_told_apart(body, outcome):
    """CB-10: what the service could not do is a failure, what it refused is an answer."""
    with pytest.raises(UpstreamError) as refused:
        GraphQLDecoder(Dish, "shop.dish")(answer(body))

    assert refused.value.outcome is outcome


def test_data_of_a_graphql_service_is_used_even_beside_errors():
    body = b'{"data":{"shop":{"dish":{"dishId":"a","name":"A"}}},"errors":[{"message":"another field"}]}'

    assert GraphQLDecoder(Dish, "shop.dish")(answer(body)) == Dish("a", "A")


def test_null_of_a_graphql_service_is_none_where_none_is_declared():
    assert GraphQLDecoder(Dish | None, "shop.dish")(answer(b'{"data":{"shop":{"dish":null}}}')) is None
