"""The law of `bff.admission.gcra` in Lua: many requests in one call, each all or nothing (RL-3, RL-4)."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from bff.admission.buckets import Charge, State

TAKE: Final = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local answers, key, at = {}, 0, 1
for _ = 1, tonumber(ARGV[1]) do
  local charges = tonumber(ARGV[at + 1])
  at = at + 1
  local debts, refused = {}, 0
  for i = 1, charges do
    local price, tolerance, enforced = ARGV[at + 1] + 0, ARGV[at + 2] + 0, ARGV[at + 3]
    local debt = math.min(math.max((tonumber(redis.call('GET', KEYS[key + i])) or 0) - now, 0), tolerance)
    if debt + price > tolerance then
      if enforced == '1' and refused == 0 then refused = i end
      debts[i] = {1, debt, price}
    else
      debts[i] = {0, debt, price}
    end
    at = at + 3
  end
  answers[#answers + 1] = refused
  for i = 1, charges do
    local over, debt, price = debts[i][1], debts[i][2], debts[i][3]
    if refused == 0 and over == 0 and price > 0 then
      debt = debt + price
      redis.call('SET', KEYS[key + i], string.format('%.0f', now + debt), 'PX', math.ceil(debt / 1000) + 1000)
    end
    answers[#answers + 1] = over
    answers[#answers + 1] = debt
  end
  key = key + charges
end
return answers
"""
"""KEYS: of every charge. ARGV: how many requests; for each how many charges; for each its price, tolerance, and
1 where it refuses. Answer: for each request which charge refused it, or 0; for each charge whether it
was over, and its debt. All times in microseconds, those of Redis."""

GIVE_BACK: Final = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
for i = 1, #KEYS do
  local price, tolerance = ARGV[2 * i - 1] + 0, ARGV[2 * i] + 0
  local debt = math.min(math.max((tonumber(redis.call('GET', KEYS[i])) or 0) - now, 0), tolerance)
  local after = math.max(debt - price, 0)
  if after > 0 then
    redis.call('SET', KEYS[i], string.format('%.0f', now + after), 'PX', math.ceil(after / 1000) + 1000)
  elseif debt > 0 then
    redis.call('DEL', KEYS[i])
  end
end
return 1
"""
"""KEYS: of every charge. ARGV: for each its price and tolerance."""


class Told(NamedTuple):
    """What Redis said of one request: its buckets, their debts in microseconds, and which charge refused it."""

    states: Sequence[State]
    debts: Sequence[int]
    refused: int | None


def arguments(requests: Sequence[Sequence[Charge]]) -> tuple[list[str], list[int]]:
    """Return KEYS and ARGV of `TAKE` for *requests*."""
    keys: list[str] = []
    words = [len(requests)]
    for charges in requests:
        words.append(len(charges))
        for bucket, key, cost in charges:
            keys.append(key)
            words += (bucket.law.price(cost), bucket.law.tolerance, int(bucket.enforced))
    return keys, words


def read(answer: Sequence[int], requests: Sequence[Sequence[Charge]]) -> list[Told]:
    """Return what *answer*, of `TAKE`, says of each of *requests*.

    Raises:
        ValueError: It is not an answer to them.
    """
    if len(answer) != sum(1 + 2 * len(charges) for charges in requests):
        raise ValueError("Redis answered to something else")
    told, at = [], 0
    for charges in requests:
        refused = answer[at]
        overs = answer[at + 1 : at + 1 + 2 * len(charges) : 2]
        debts = answer[at + 2 : at + 2 + 2 * len(charges) : 2]
        at += 1 + 2 * len(charges)
        states = [_state(*one) for one in zip(charges, overs, debts, strict=True)]
        told.append(Told(states, debts, refused - 1 if refused else None))
    return told


def _state(charge: Charge, over: int, debt: int) -> State:
    law = charge.bucket.law
    wait = law.wait(debt, law.price(charge.cost)) if over else 0
    return State(bool(over), law.remaining(debt), debt, wait)
