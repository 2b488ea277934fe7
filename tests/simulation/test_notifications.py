"""Inbox, devices and pushes."""

import pytest


def test_the_inbox_is_paged_newest_first(client):
    inbox = client("notifications", "u1")
    first = inbox.get("/inbox", params={"limit": 3}).json()
    second = inbox.get("/inbox", params={"limit": 3, "cursor": first["nextCursor"]}).json()

    times = [message["createdAt"] for message in first["items"] + second["items"]]

    assert times == sorted(times, reverse=True)
    assert len(set(times)) == 6
    assert first["items"][0].keys() == {"id", "title", "body", "read", "createdAt"}


def test_a_push_arrives_in_the_inbox(client):
    notifications = client("notifications", "u41")
    before = notifications.get("/inbox").json()["total"]

    pushed = notifications.post("/push", json={"userId": "u41", "title": "Hello", "body": "It is here."})

    after = notifications.get("/inbox").json()
    assert pushed.status_code == 202
    assert after["total"] == before + 1
    assert (after["items"][0]["id"], after["items"][0]["title"]) == (pushed.json()["id"], "Hello")


def test_a_push_to_nobody_is_refused(client):
    reply = client("notifications").post("/push", json={"userId": "u9999", "title": "a", "body": "b"})

    assert (reply.status_code, reply.json()["errors"][0]["pointer"]) == (422, "#/userId")


def test_a_device_registers_once(client):
    notifications = client("notifications", "u42")

    first, again = (notifications.post("/devices", json={"platform": "IOS", "token": "t-1"}) for _ in range(2))
    other = notifications.post("/devices", json={"platform": "ANDROID", "token": "t-2"})

    assert (first.status_code, again.status_code, other.status_code) == (201, 200, 201)
    assert first.json() == again.json()
    assert first.json() == {"id": first.json()["id"], "platform": "IOS"}
    assert other.json()["id"] != first.json()["id"]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        pytest.param({"platform": "IOS", "token": ""}, "#/token", id="empty token"),
        pytest.param({"platform": "NOKIA", "token": "t"}, "#/platform", id="unknown platform"),
        pytest.param({"platform": "IOS"}, "#", id="no token"),
    ],
)
def test_a_device_that_cannot_be_pushed_to_is_refused(client, body, pointer):
    reply = client("notifications", "u43").post("/devices", json=body)

    assert (reply.status_code, reply.json()["errors"][0]["pointer"]) == (422, pointer)
