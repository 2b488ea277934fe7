"""Who the customer is."""


def test_me_is_who_the_token_names(client):
    me = client("accounts", "u1").get("/me").json()

    assert (me["id"], me["name"], me["segment"]) == ("u1", "Lena Vogt", "GOLD")
    assert me.keys() == {"id", "name", "email", "phone", "avatarUrl", "segment", "createdAt", "addresses"}
    assert me["addresses"][0].keys() == {"id", "label", "street", "city", "latitude", "longitude"}


def test_users_come_in_batches(client):
    users = client("accounts").get("/users", params={"ids": "u2,u3"}).json()

    assert {user["id"] for user in users} == {"u2", "u3"}
