"""Parts go from one generation to the next as long as they would come out the same, and are closed once."""

import pytest

from bff.generations.parts import Parts


class Thing:
    def __init__(self, *, failing=False):
        self.closed = 0
        self._failing = failing

    async def close(self):
        self.closed += 1
        if self._failing:
            raise OSError("gone")


def test_a_part_of_equal_inputs_is_taken_over():
    first, second = Parts(), None
    thing = first.get("a", [1], Thing)
    first.hold()

    second = Parts(first)

    assert second.get("a", [1], Thing) is thing
    assert second.taken_over == {"a"}
    assert Parts(first).get("a", [2], Thing) is not thing
    assert Parts(first).before("a") is thing
    assert Parts(first).before("b") is None


async def test_a_part_is_closed_when_the_last_generation_lets_go():
    first = Parts()
    stays = first.get("stays", 1, Thing, Thing.close)
    goes = first.get("goes", 1, Thing, Thing.close)
    first.hold()
    second = Parts(first)
    second.get("stays", 1, Thing, Thing.close)
    comes = second.get("goes", 2, Thing, Thing.close)
    second.hold()

    await first.release()
    assert (stays.closed, goes.closed, comes.closed) == (0, 1, 0)
    await second.release()

    assert (stays.closed, goes.closed, comes.closed) == (1, 1, 1)


async def test_a_generation_that_was_never_in_force_closes_only_what_is_its_own():
    first = Parts()
    stays = first.get("stays", 1, Thing, Thing.close)
    first.hold()
    second = Parts(first)
    second.get("stays", 1, Thing, Thing.close)
    own = second.get("own", 1, Thing, Thing.close)

    await second.release()

    assert (stays.closed, own.closed) == (0, 1)


async def test_one_part_that_cannot_be_closed_does_not_keep_the_others_open():
    parts = Parts()
    well = parts.get("well", 1, Thing, Thing.close)
    parts.get("failing", 1, lambda: Thing(failing=True), Thing.close)
    parts.hold()

    with pytest.raises(ExceptionGroup):
        await parts.release()

    assert well.closed == 1
