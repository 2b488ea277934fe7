"""How long an answer can take, by timeouts and attempts, along the calls that wait for one another."""

from bff.explain.plan import Link


def test_waves_add_up_and_siblings_do_not(explain, policy):
    """Two attempts of 400 ms, a queue of 50 ms each and a pause of 20 ms make 920 ms a call."""
    plan = explain("{ things { owner { id } label { id } } news { id } }", spare=policy.upstream(attempts=1))

    assert plan.latency.calls_ms == 920 * 2
    assert [one.endpoint for one in plan.latency.chain] == ["shop.all_things", "people.owners"]
    assert plan.latency.single_ms == 800


def test_the_total_of_a_call_cuts_its_attempts_short(explain, policy):
    plan = explain("{ things { id } }", shop=policy.upstream(total=700))

    assert plan.latency.chain == (Link(endpoint="shop.all_things", worst_ms=700, attempt_ms=400),)
    assert plan.waves[0].steps[0].timing == "2 attempts of 400ms, at most 700ms"


def test_the_deadline_cuts_the_whole(explain, policy):
    operations = policy.operations(deadlines={"Slow": policy.milliseconds(1500)})

    plan = explain("query Slow { things { owner { id } } }", operations=operations)

    assert (plan.latency.worst_ms, plan.latency.calls_ms, plan.latency.deadline_ms) == (1500, 1840, 1500)


def test_an_unsafe_call_counts_one_attempt_unless_it_has_a_key(explain):
    """RT-1: a charge is not sent twice, but an order with an idempotency key is."""
    assert explain("mutation { buy { id } }").latency.calls_ms == 450
    assert explain("mutation { order { id } }").latency.calls_ms == 920


def test_an_alternative_is_asked_after_the_first_has_failed(explain):
    plan = explain("{ news { id } }")

    assert plan.latency.calls_ms == 920 * 2
    assert "then spare.notice" in plan.waves[0].steps[0].timing


def test_calls_for_each_parent_run_as_many_at_once_as_an_operation_may(explain, policy):
    operations = policy.operations(max_concurrent_attempts=4)

    plan = explain("{ things(first: 9) { label { id } } }", operations=operations)

    assert plan.latency.calls_ms == 920 + 3 * 920


def test_root_fields_of_a_mutation_wait_for_one_another(explain):
    plan = explain("mutation { buy { owner { id } } order { id } }")

    assert plan.latency.calls_ms == 450 + 920 + 920
    assert [one.endpoint for one in plan.latency.chain] == ["shop.buy", "people.owners", "shop.order"]
    assert plan.waves[2].steps[0].start_ms == 450 + 920
