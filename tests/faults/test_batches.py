"""Fault 25: a batch endpoint that answers less, more, or other than what it was asked."""

KEYS = ["a", "missing-1", "b", "twice-1", "broken-1", "c"]


def test_fault_25_each_key_gets_its_own_value_and_only_what_is_wrong_fails(trouble, shaky):
    """The service answers in another order, one thing unasked, one twice, one not at all, one broken."""
    with trouble("lines") as trial:
        trial.absent = {("lines", 1, "thing")}
        asked = ", ".join(f'"{key}"' for key in KEYS)

        answer = trial.ask(f"{{ lines(ids: [{asked}]) {{ key thing {{ id who text }} }} }}")

        lines = answer.data["lines"]
        assert [line["key"] for line in lines] == KEYS
        assert [line["thing"] and line["thing"]["id"] for line in lines] == ["a", None, "b", "twice-1", None, "c"]
        assert answer.codes == ["UPSTREAM_BAD_RESPONSE"]
        assert answer.body["errors"][0]["path"] == ["lines", 4, "thing"]
        assert trial.outcomes() == ["OK"]


def test_a_batch_that_fails_whole_costs_each_key_its_own_error(trouble, shaky):
    with trouble("lines") as trial:
        shaky.kill()

        answer = trial.ask('{ lines(ids: ["a", "b"]) { key thing { id who text } } }')

        assert answer.codes == ["UPSTREAM_UNAVAILABLE"] * 2
        shaky.restart()
