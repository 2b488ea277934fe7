"""What a field gets when its service fails is what policy says, and it says so itself."""

import msgspec
import pytest

from bff.events import FellBack
from bff.upstream.declare import Upstream
from bff.upstream.errors import UpstreamError
from bff.upstream.message import Response
from bff.upstream.outcome import Outcome

catalog = Upstream("catalog")


class Offer(msgspec.Struct):
    id: str
    title: str


offers = catalog.get("/offers", returns=list[Offer], name="offers")
by_id = catalog.batch("/offers/by-ids", ids="ids", returns=list[Offer], key="id", name="by_id")
place = catalog.post("/offers", returns=list[Offer], name="place")
archive = catalog.get("/archive", returns=list[Offer], name="archive")
with_archive = catalog.get("/offers", returns=list[Offer], otherwise=archive, name="with_archive")
archived = catalog.batch("/archive/by-ids", ids="keys", returns=list[Offer], key="id", name="archived")
batch_with_archive = catalog.batch(
    "/offers/by-ids", ids="ids", returns=list[Offer], key="id", otherwise=archived, name="batch_with_archive"
)
DEFAULT = {"on_failure": "default", "default": [{"id": "0", "title": "Free delivery"}]}


def broken(world, status=503, but=()):
    """Let every answer have *status*, but those to targets that begin with *but*."""

    def answer(request):
        if but and request.target.startswith(but[0]):
            return Response(200, {"content-type": "application/json"}, msgspec.json.encode(but[1]))
        return Response(status, {}, b"")

    world.transport.answer = answer


@pytest.mark.parametrize(
    ("fallback", "found"),
    [
        ({"on_failure": "empty_list"}, []),
        (DEFAULT, [Offer("0", "Free delivery")]),
    ],
)
async def test_a_default_stands_in_for_a_failure(make_world, fallback, found):
    """PD-13."""
    world = make_world({"fallback": fallback, "retry": {"attempts": 1}})
    broken(world)
    context = world.context(offers)

    assert await offers(context) == found
    assert [(one.note.reason, one.note.source, one.note.age_ms) for one in context.noted] == [
        ("DEFAULT", "default", None)
    ]
    assert context.operation.max_age == 0
    assert [event.reason for event in world.events if isinstance(event, FellBack)] == ["DEFAULT"]


@pytest.mark.parametrize("fallback", [{"on_failure": "error"}, {"on_failure": "stale"}, {}])
async def test_without_anything_to_fall_back_on_the_error_is_told(make_world, fallback):
    world = make_world({"fallback": fallback, "retry": {"attempts": 1}})
    broken(world)

    with pytest.raises(UpstreamError):
        await offers(world.context(offers))


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409])
async def test_a_refusal_is_an_answer(make_world, status):
    """A default must not hide that a call was wrong."""
    world = make_world({"fallback": {"on_failure": "empty_list"}, "retry": {"attempts": 1}})
    broken(world, status)

    with pytest.raises(UpstreamError):
        await offers(world.context(offers))


async def test_a_change_is_never_covered_up(make_world):
    """A default for an order that failed would be a lie."""
    world = make_world({"fallback": {"on_failure": "empty_list"}, "retry": {"attempts": 1}})
    broken(world)

    with pytest.raises(UpstreamError):
        await place(world.context(place))


async def test_endpoints_may_differ(make_world):
    """Policies override key by key."""
    world = make_world(
        {"retry": {"attempts": 1}, "endpoints": {"offers": {"fallback": {"on_failure": "empty_list"}}}}
    )
    broken(world)

    assert await offers(world.context(offers)) == []
    with pytest.raises(UpstreamError):
        await archive(world.context(archive))


async def test_a_default_that_does_not_fit_is_not_used(make_world):
    """The operator reads why in the log, the client reads the failure."""
    world = make_world({"fallback": {"on_failure": "default", "default": {"a": 1}}, "retry": {"attempts": 1}})
    broken(world)

    with pytest.raises(UpstreamError, match="default value of the policy does not fit") as told:
        await offers(world.context(offers))
    assert told.value.outcome is Outcome.GATEWAY_ERROR


async def test_each_key_of_a_batch_gets_the_default(make_world):
    world = make_world({"fallback": {"on_failure": "default", "default": {"id": "?", "title": "gone"}},
                        "retry": {"attempts": 1}})  # fmt: skip
    broken(world)
    context = world.context(by_id)

    assert await by_id.many(context, ["1", "2"]) == [Offer("?", "gone")] * 2
    assert [noted.place for noted in context.noted] == [0, 1]


async def test_another_source_is_asked(make_world):
    """PD-13: a second endpoint as alternate source."""
    world = make_world({"retry": {"attempts": 1}})
    broken(world, but=("/archive", [{"id": "1", "title": "old"}]))

    context = world.context(with_archive, batch_with_archive)
    assert await with_archive(context) == [Offer("1", "old")]
    assert await batch_with_archive.many(context, ["1", "2"]) == [Offer("1", "old"), None]
    assert {(noted.note.reason, noted.note.source) for noted in context.noted} == {("ALTERNATE", "alternate")}


async def test_a_failed_source_and_a_failed_other_give_the_first_error(make_world):
    world = make_world({"retry": {"attempts": 1}})
    broken(world)

    with pytest.raises(UpstreamError) as told:
        await with_archive(world.context(with_archive))
    assert told.value.endpoint == "with_archive"
