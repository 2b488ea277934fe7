"""Any object is found again by its id, many at once in one call for each service."""

QUERY = """
query ($ids: [ID!]!) {
  nodes(ids: $ids) {
    __typename
    id
    ... on Dish { name }
    ... on User { name }
  }
}
"""


async def test_nodes_come_back_in_the_order_of_their_ids(app, services):
    ids = ["d2", "u1", "o3", "r1", "c1", "d1"]

    data, errors = await app.run(QUERY, ids=ids)

    assert errors == []
    assert [node["id"] for node in data["nodes"]] == ids
    assert [node["__typename"] for node in data["nodes"]] == [
        "Dish", "User", "Order", "Restaurant", "Courier", "Dish"
    ]  # fmt: skip
    assert set(services.calls.values()) == {1}


async def test_an_unknown_id_is_null_and_costs_no_call(app, services):
    """Also one that would be several ids on the wire."""
    data, errors = await app.run(QUERY, ids=["", "x1", "of1", "d1,d2"])

    assert errors == []
    assert data == {"nodes": [None, None, None, None]}
    assert not services.calls


async def test_a_node_that_is_gone_is_null(app):
    data, errors = await app.run('{ gone: node(id: "d404") { id } here: node(id: "r1") { id } }')

    assert errors == []
    assert data == {"gone": None, "here": {"id": "r1"}}


async def test_a_service_that_is_away_costs_only_its_own_nodes(app, services):
    services.down = {"couriers"}

    data, errors = await app.run(QUERY, ids=["c1", "d1"])

    assert [error["path"] for error in errors] == [["nodes", 0]]
    assert data["nodes"][0] is None
    assert data["nodes"][1]["id"] == "d1"


async def test_others_see_no_private_part_of_a_customer(app):
    """The service answers with e-mail and addresses; the schema has no way to them but `me`."""
    _, errors = await app.run('{ node(id: "u2") { ... on User { id email } } }')

    assert [error["message"] for error in errors] == ["Cannot query field 'email' on type 'User'."]
