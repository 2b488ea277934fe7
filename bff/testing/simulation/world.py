"""A world: services, clients, faults and replicas of us, run from one seed."""

import asyncio
import gc
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from random import Random

from bff.events import AttemptFinished, Event, Notify
from bff.policy.model import OperationsPolicy, UpstreamPolicy
from bff.testing.simulation.clients import Clients, Load
from bff.testing.simulation.faults import Fault
from bff.testing.simulation.log import Log, Struck, Told
from bff.testing.simulation.services import Host, Service, SimulatedTransport
from bff.testing.simulation.virtual_loop import START, LoopClock, VirtualLoop, run
from bff.upstream.client import Client, Upstreams, open_upstreams
from bff.upstream.transport import Limits

_SETTLE = 5.0
"""Seconds in which everything must be given back once nobody calls any more (G5)."""


@dataclass(frozen=True, slots=True)
class World:
    """Everything that decides what happens.

    Attributes:
        seed: Where all chance comes from.
        services: What is called.
        loads: Who calls.
        faults: What goes wrong.
        replicas: Processes of ours, each with pipelines of its own.
        seconds: How long clients come.
        policies: How services are called; the defaults where nothing is said. `hosts` is filled in.
        operations: Rules of operations.
    """

    seed: int
    services: tuple[Service, ...]
    loads: tuple[Load, ...]
    faults: tuple[Fault, ...] = ()
    replicas: int = 1
    seconds: float = 60.0
    policies: Mapping[str, UpstreamPolicy] = field(default_factory=dict)
    operations: OperationsPolicy = field(default_factory=OperationsPolicy)

    def policy(self, service: Service) -> UpstreamPolicy:
        """Return how *service* is called."""
        hosts = tuple(str(service.origin(host)) for host in range(service.hosts))
        said = self.policies.get(service.name)
        return UpstreamPolicy(hosts=hosts) if said is None else said.model_copy(update={"hosts": hosts})

    def service(self, name: str) -> Service:
        """Return the service of that name."""
        return next(service for service in self.services if service.name == name)

    def without_faults(self) -> "World":
        """Return the same world in which nothing goes wrong."""
        return replace(self, faults=())

    def rng(self, *names: object) -> Random:
        """Return a stream of chance of its own, so that trouble in one place moves nobody else's dice."""
        return Random("/".join(map(str, (self.seed, *names))))


def policy_of(**keys: object) -> UpstreamPolicy:
    """Return the policy of a service with these keys, as a YAML file would say them."""
    return UpstreamPolicy.model_validate({"hosts": ["https://one.test", "https://two.test"], **keys})


@dataclass(frozen=True, slots=True)
class Leftovers:
    """What was not given back in the end; all 0 in a healthy run."""

    permits: int
    waiting: int
    sockets: int
    active: int
    tasks: int


@dataclass(frozen=True, slots=True)
class Run:
    """What one run of a world brought.

    Attributes:
        world: What was run.
        log: What happened.
        leftovers: What was not given back.
        asked: Clients that came, those included that a cache answered.
        well: For each service with faults, when they were over and the work that they had held up was done.
        ended: Virtual moment of the end.
    """

    world: World
    log: Log
    leftovers: Leftovers
    asked: int
    well: Mapping[str, float]
    ended: float

    @property
    def start(self) -> float:
        """The virtual moment at which it began."""
        return START


def simulate(world: World) -> Run:
    """Run *world* and return what happened.

    Raises:
        ExceptionGroup: An exception reached nobody (G1).
    """

    async def main(loop: VirtualLoop) -> Run:
        return await _Stage(world, loop).play()

    with _rare_rounds():
        return run(main)


@contextmanager
def _rare_rounds() -> Iterator[None]:
    """Let the garbage collector look around as rarely as in a process of ours; the log only grows."""
    before = gc.get_threshold()
    gc.set_threshold(50_000, 20, 100)
    try:
        yield
    finally:
        gc.set_threshold(*before)


class _Stage:
    """One run of one world."""

    def __init__(self, world: World, loop: VirtualLoop) -> None:
        self._world = world
        self._loop = loop
        self._log = Log()
        self._clock = LoopClock(loop)
        self._hosts = {service.name: self._hosts_of(service) for service in world.services}
        self._transports: list[SimulatedTransport] = []
        self._clients: list[Client] = []
        self._replicas = [self._replica(number) for number in range(world.replicas)]

    async def play(self) -> Run:
        world, loop, log = self._world, self._loop, self._log
        for fault in world.faults:
            loop.at(START + fault.start, self._strike, fault, False)
            loop.at(START + fault.end, self._strike, fault, True)
        for upstreams in self._replicas:
            await upstreams.start()
        clients = [
            Clients(
                load,
                self._replicas,
                number,
                loop=loop,
                clock=self._clock,
                rng=world.rng("load", number),
                log=log,
            )
            for number, load in enumerate(world.loads)
        ]
        for some in clients:
            some.begin(world.seconds)
        await self._clock.sleep(world.seconds)
        for some in clients:
            await some.all_ended()
        await self._clock.sleep(_SETTLE)
        leftovers = await self._close()
        asked = sum(some.asked for some in clients)
        sick = {fault.service for fault in world.faults}
        well = {name: max(host.well for host in self._hosts[name]) for name in sorted(sick)}
        return Run(world, log, leftovers, asked, well, loop.time())

    async def _close(self) -> Leftovers:
        """Close everything; return what was not given back before, and what outlives it."""
        pipelines = [client.pipelines for client in self._clients]
        every = [permits for each in pipelines for permits in (each.permits, *each.adaptive)]
        permits = sum(each.in_flight for each in every)
        waiting = sum(each.waiting for each in every)
        active = sum(member.active for each in pipelines for member in each.cluster.members)
        for upstreams in self._replicas:
            await upstreams.close()
        sockets = sum(transport.running for transport in self._transports)
        return Leftovers(permits, waiting, sockets, active, len(asyncio.all_tasks(self._loop)) - 1)

    def _hosts_of(self, service: Service) -> list[Host]:
        return [
            Host(
                service,
                number,
                loop=self._loop,
                rng=self._world.rng("host", service.name, number),
                log=self._log,
            )
            for number in range(service.hosts)
        ]

    def _replica(self, number: int) -> Upstreams:
        return Upstreams({service.name: self._client(service, number) for service in self._world.services})

    def _client(self, service: Service, replica: int) -> Client:
        """Return the real client of *service*; one opening for each service, for each has chance of its own."""
        opened = open_upstreams(
            {service.name: self._world.policy(service)},
            self._world.operations,
            open_transport=lambda limits: self._transport(service, replica, limits),
            clock=self._clock,
            rng=self._world.rng("pipeline", service.name, replica),
            notify=self._notify(service.name, replica),
        )
        client = opened[service.name]
        self._clients.append(client)
        return client

    def _transport(self, service: Service, replica: int, limits: Limits) -> SimulatedTransport:
        hosts = {service.origin(number): (number, host) for number, host in enumerate(self._hosts[service.name])}
        transport = SimulatedTransport(service, hosts, replica, limits, loop=self._loop, log=self._log)
        self._transports.append(transport)
        return transport

    def _notify(self, service: str, replica: int) -> Notify:
        note, now = self._log.note, self._loop.time

        def notify(event: Event) -> None:
            if type(event) is not AttemptFinished:  # the log knows sends and ends, and these are most events
                note(Told(now(), service, replica, event))

        return notify

    def _strike(self, fault: Fault, over: bool) -> None:  # noqa: FBT001 - a callback takes its arguments by position
        self._log.note(Struck(self._loop.time(), fault.service, fault.kind, over))
        hosts = self._hosts[fault.service]
        for host in hosts if fault.host is None else hosts[fault.host : fault.host + 1]:
            if over:
                host.recover(fault)
            else:
                host.strike(fault)
