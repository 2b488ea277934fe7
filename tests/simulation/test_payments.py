"""Methods and charges: nothing is charged twice, and the bank may say no."""

import pytest


def charge(order: str, cents: int = 1250, method: str = "pm51-1", currency: str = "EUR") -> dict:
    return {"orderId": order, "methodId": method, "amount": {"cents": cents, "currency": currency}}


def test_methods_have_one_default(client):
    methods = client("payments", "u1").get("/methods").json()

    assert [method["isDefault"] for method in methods] == [True, False]
    assert methods[0].keys() == {"id", "kind", "label", "expires", "isDefault"}


def test_orders_of_the_past_are_charged(client):
    charges = client("payments").get("/charges", params={"order_ids": "o1,o2,o19910"}).json()

    assert {item["orderId"] for item in charges} == {"o1", "o2", "o19910"}
    assert charges[0].keys() == {"id", "orderId", "methodId", "amount", "status", "createdAt"}


def test_a_charge_is_made_once_for_one_key(client):
    payments = client("payments", "u51")
    key = {"idempotency-key": '"k-1"'}

    first, again = (payments.post("/charges", json=charge("o30001"), headers=key) for _ in range(2))

    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert payments.get("/charges", params={"order_ids": "o30001"}).json() == [first.json()]


def test_an_order_is_charged_once_whatever_the_key(client):
    payments = client("payments", "u51")

    first, second = (payments.post("/charges", json=charge("o30002")) for _ in range(2))

    assert (first.status_code, second.status_code) == (201, 409)
    assert payments.post("/charges", json=charge("o1")).status_code == 409


def test_the_bank_declines_above_five_hundred_and_the_key_stays_free(client):
    payments = client("payments", "u51")
    key = {"idempotency-key": "k-2"}

    declined = payments.post("/charges", json=charge("o30003", 50_001), headers=key)
    accepted = payments.post("/charges", json=charge("o30003", 50_000), headers=key)

    assert (declined.status_code, declined.headers["content-type"]) == (402, "application/problem+json")
    assert accepted.status_code == 201


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        pytest.param(charge("o30004", method="pm1-1"), "#/methodId", id="somebody else's method"),
        pytest.param(charge("x1"), "#/orderId", id="no order"),
        pytest.param(charge("o30004", 0), "#/amount", id="nothing to pay"),
        pytest.param(charge("o30004", currency="USD"), "#/amount", id="another currency"),
        pytest.param({"orderId": "o30004"}, "#", id="incomplete"),
        pytest.param(charge("o30004") | {"amount": {"cents": "12"}}, "#/amount/cents", id="text for a number"),
    ],
)
def test_a_charge_that_makes_no_sense_is_refused(client, body, pointer):
    reply = client("payments", "u51").post("/charges", json=body)

    assert (reply.status_code, reply.json()["errors"][0]["pointer"]) == (422, pointer)
