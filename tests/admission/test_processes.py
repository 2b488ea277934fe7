"""Many processes, one limit: what is let in is what the law allows (RL-21)."""

import json
from collections import Counter


def finish(processes):
    """Return what all of *processes* counted together."""
    total = Counter()
    for process in processes:
        total.update(json.loads(process.stdout.read().splitlines()[-1]))
        assert process.wait(30) == 0
    return total


def begin(processes):
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()


def test_rl3_eight_processes_with_a_thousand_parallel_requests_get_the_burst(redis_server, hammer):
    """Nothing comes back in a minute at this rate. One process is an hour ahead, another one behind."""
    processes = [
        hammer(redis_server.url, "1000 per day", 500, 8, 1000, 1000, "20s", ahead)
        for ahead in (0, 0, 0, 3600, -3600, 0, 0, 0)
    ]
    begin(processes)

    found = finish(processes)

    assert found == {
        "admitted": 500, "RATE_LIMITED": 7500, "told": 500, "refused by store": 7500,
    }  # fmt: skip


def test_rl18_redis_killed_in_mid_run_costs_no_request_and_at_most_a_tenth_of_the_limit(redis_server, hammer):
    """Each process goes on with its share, as full as the whole was."""
    processes = [hammer(redis_server.url, "3000 per day", 1000, 4, 600, 10, "2s", 0) for _ in range(4)]
    begin(processes)
    for process in processes:
        for _ in range(5):
            assert process.stdout.readline() == ".\n"

    redis_server.stop()
    found = finish(processes)

    assert found["admitted"] + found["RATE_LIMITED"] == 2400
    assert found["refused by share"] > 0
    assert found["told"] > 0, "nothing was counted together, so nothing was killed in mid-run"
    assert found["not told"] > 0, "everything was over before Redis was killed"
    assert 900 <= found["admitted"] <= 1100
