"""Runs random worlds and prints the seeds that break a law: `python -m bff.testing.simulation --worlds 500`."""

import argparse
import sys
import time

from bff.testing.simulation.laws import LawBroken, check, others_notice_nothing
from bff.testing.simulation.speed import report
from bff.testing.simulation.world import simulate
from bff.testing.simulation.worlds import random_world


def main() -> int:
    """Return 0 when every world keeps all laws, 1 otherwise."""
    parser = argparse.ArgumentParser(prog="python -m bff.testing.simulation", description=__doc__)
    parser.add_argument("--first", type=int, default=0, help="seed of the first world")
    parser.add_argument("--worlds", type=int, default=100, help="how many worlds, one for each seed from there on")
    parser.add_argument("--speed", action="store_true", help="instead, print how many calls a minute holds")
    arguments = parser.parse_args()
    if arguments.speed:
        sys.stdout.write(f"{report()}\n")
        return 0
    began, calls, broken = time.process_time(), 0, 0
    for seed in range(arguments.first, arguments.first + arguments.worlds):
        found, asked = _wrong(seed)
        calls += asked
        if found:
            broken += 1
            sys.stdout.write(f"{found}\n")
    seconds = time.process_time() - began
    sys.stdout.write(f"{arguments.worlds} worlds, {calls:,} calls, {seconds:.0f} s of CPU, {broken} break a law\n")
    return 1 if broken else 0


def _wrong(seed: int) -> tuple[str, int]:
    """Return what is wrong with the world of *seed*, "" for nothing, and how many calls were made in it."""
    world = random_world(seed)
    try:
        run = simulate(world)
        check(run)
    except (LawBroken, ExceptionGroup) as error:
        return f"seed {seed}: {error}", 0
    touched = list(others_notice_nothing(run, simulate(world.without_faults())))
    return (f"seed {seed}: {touched}" if touched else ""), run.asked


if __name__ == "__main__":
    sys.exit(main())
