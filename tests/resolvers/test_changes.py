"""A refused change is data that a person can act on; a failed one stays an error."""

import msgspec
import pytest

CHECKOUT = """
mutation ($key: UUID!, $lines: [OrderLineInput!]!) {
  placeOrder(
    idempotencyKey: $key
    input: {restaurantId: "r1", lines: $lines, addressId: "a1-1", paymentMethodId: "pm1-1"}
  ) {
    order { id status }
    userErrors { code message path }
  }
}
"""
PAY = """
mutation ($key: UUID!) {
  payOrder(id: "o7", methodId: "pm1-1", idempotencyKey: $key) { charge { id } userErrors { code } }
}
"""
KEY = "6f1c0f34-8a0e-4a83-9a0e-0c1a52f3b1de"
LINES = [{"dishId": "d1", "quantity": 2}]


async def test_an_order_is_sent_as_the_service_reads_it(app, services):
    data, errors = await app.run(CHECKOUT, key=KEY, lines=LINES)

    assert errors == []
    assert data["placeOrder"] == {"order": {"id": "o7", "status": "PLACED"}, "userErrors": []}
    (request,) = services.requests
    assert request.headers["idempotency-key"] == KEY
    assert msgspec.json.decode(request.body) == {
        "restaurantId": "r1",
        "lines": LINES,
        "addressId": "a1-1",
        "paymentMethodId": "pm1-1",
        "note": None,
    }


async def test_a_closed_restaurant_is_a_user_error(app, services):
    problem = {"type": "about:blank", "title": "Conflict", "status": 409, "detail": "The restaurant is closed."}
    services.answers["POST", "/orders"] = 409, problem

    data, errors = await app.run(CHECKOUT, key=KEY, lines=LINES)

    assert errors == []
    assert data["placeOrder"] == {
        "order": None,
        "userErrors": [{"code": "CONFLICT", "message": "The restaurant is closed.", "path": None}],
    }


async def test_a_change_that_is_still_being_made_is_told_apart(app, services):
    """The app waits and asks again with the same key, instead of telling the customer no."""
    services.answers["POST", "/orders"] = 409, {"title": "Conflict", "detail": "still runs"}
    services.headers["retry-after"] = "1"

    data, errors = await app.run(CHECKOUT, key=KEY, lines=LINES)

    assert errors == []
    assert [error["code"] for error in data["placeOrder"]["userErrors"]] == ["IN_PROGRESS"]


@pytest.mark.parametrize("pointer", ["/lines/0/quantity", "#/lines/0/quantity"])
async def test_an_unacceptable_value_is_named_by_its_path(app, services, pointer):
    """The app marks the line on the screen."""
    wrong = {"pointer": pointer, "detail": "must be at least 1"}
    services.answers["POST", "/orders"] = 422, {"title": "Unprocessable Content", "errors": [wrong]}

    data, errors = await app.run(CHECKOUT, key=KEY, lines=LINES)

    assert errors == []
    assert data["placeOrder"]["userErrors"] == [
        {"code": "INVALID", "message": "must be at least 1", "path": ["lines", "0", "quantity"]}
    ]


@pytest.mark.parametrize(
    ("status", "body"),
    [
        pytest.param(409, "busy", id="refusal without a reason"),
        pytest.param(401, {"title": "Unauthorized"}, id="not the customer's to mend"),
        pytest.param(500, {"title": "Internal Server Error"}, id="failure"),
    ],
)
async def test_what_nobody_can_act_on_stays_an_error(app, services, status, body):
    services.answers["POST", "/orders"] = status, body

    data, errors = await app.run(CHECKOUT, key=KEY, lines=LINES)

    assert data == {"placeOrder": None}
    assert [error["path"] for error in errors] == [["placeOrder"]]


async def test_a_key_that_is_no_uuid_sends_nothing(app, services):
    """Nothing but a UUID ever becomes a header."""
    data, errors = await app.run(CHECKOUT, key="x\r\nauthorization: other", lines=LINES)

    assert data is None
    assert errors
    assert not services.calls


async def test_an_order_is_paid_at_its_own_price(app, services):
    """The amount comes from orders, never from the app."""
    data, errors = await app.run(PAY, key=KEY)

    assert errors == []
    assert data == {"payOrder": {"charge": {"id": "ch-o7"}, "userErrors": []}}
    sent = msgspec.json.decode(services.requests[-1].body)
    assert sent == {"orderId": "o7", "methodId": "pm1-1", "amount": {"cents": 3750, "currency": "EUR"}}


@pytest.mark.parametrize(
    ("target", "answer", "code"),
    [
        pytest.param(("POST", "/charges"), (402, {"title": "Card declined"}), "DECLINED", id="declined"),
        pytest.param(("GET", "/orders/o7"), (404, {"title": "Not Found"}), "NOT_FOUND", id="no such order"),
    ],
)
async def test_why_an_order_is_not_paid(app, services, target, answer, code):
    services.answers[target] = answer

    data, errors = await app.run(PAY, key=KEY)

    assert errors == []
    assert data == {"payOrder": {"charge": None, "userErrors": [{"code": code}]}}


async def test_a_refusal_of_a_graphql_service_is_a_user_error_too(app, services):
    refusal = {"message": "rating must be 1 to 5", "extensions": {"code": "BAD_USER_INPUT"}}
    services.answers["POST", "/graphql"] = 200, {"data": None, "errors": [refusal]}
    query = """
    mutation {
      writeReview(input: {restaurantId: "r1", rating: 9, text: "!"}) { review { id } userErrors { code message } }
    }
    """

    data, errors = await app.run(query)

    assert errors == []
    assert data["writeReview"] == {
        "review": None,
        "userErrors": [{"code": "INVALID", "message": "rating must be 1 to 5"}],
    }
