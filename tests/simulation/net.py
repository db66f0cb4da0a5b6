"""The network between the warehouses and the hub, as bad as a seed wants it.

A connection dies with either process, or is cut in one direction without either side noticing, or
is reset so that everything on its way is lost: that is what ZeroMQ was measured to do. On top of
what a real connection can do, frames are dropped, doubled and overtake each other, because the
protocol must not lean on the transport for any of that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from edge.sync import core_events as edge_on
from hub.sync import core_events as hub_on
from shared.domain.errors import InvalidInput
from shared.sync import protocol as wire

if TYPE_CHECKING:
    from tests.simulation.edge_node import SimEdge
    from tests.simulation.world import World

RETRY_MS = 500
"""A socket that cannot connect tries again after this."""
HELLO, WELCOME = b"\x01", b"\x02"
"""Types of a greeting and of its answer, in the fifth byte of their frames."""
STALE_MS = 9_000
"""A second copy of a frame may be this late, when its session is long over."""
NOTICED = 0.7
"""How often a side is told that its connection broke; otherwise it must notice by silence."""
NOTICED_LATE = 0.5
"""How often a frame for a socket that is closed comes back as undeliverable."""


class Cable:
    """One warehouse's way to the hub. A new number is a new connection."""

    def __init__(self, node: str) -> None:
        """Nothing is connected."""
        self.node = node
        self.number = 0
        self.connected = False
        self.hub_life = 0
        self.generation = 0
        self.cut_up = False
        self.cut_down = False
        self.heard_down_ms = 0
        self.heard_up_ms = 0


class Net:
    """All cables."""

    def __init__(self, world: World) -> None:
        """Nobody is connected yet."""
        self.world = world
        self.dice = world.time.stream("net")
        self.cables: dict[str, Cable] = {}
        self.greetings: dict[str, list[tuple[bytes, bytes]]] = {}
        self.welcomes: dict[str, list[bytes]] = {}

    def cable(self, edge: SimEdge) -> Cable:
        """Return the cable of a warehouse."""
        return self.cables.setdefault(edge.machine, Cable(edge.name))

    def heard_up_ms(self, node: str) -> int:
        """Return when any machine of a warehouse was heard last, one switched off since too."""
        return max(cable.heard_up_ms for cable in self.cables.values() if cable.node == node)

    @staticmethod
    def peer(edge: SimEdge, number: int) -> bytes:
        """Return the routing name of a connection."""
        return f"{edge.machine}/{number}".encode()

    # Connections

    def connect(self, edge: SimEdge) -> None:
        """A new socket begins to look for the hub; the one before is forgotten."""
        cable = self.cable(edge)
        cable.number += 1
        cable.connected = False
        edge.later(self.dice.randint(1, 200), "connect", self._try, edge, cable.number)

    def close(self, edge: SimEdge) -> None:
        """The socket is destroyed with everything queued in it."""
        cable = self.cable(edge)
        cable.number += 1
        cable.connected = False

    def _try(self, edge: SimEdge, number: int) -> None:
        cable, hub = self.cable(edge), self.world.hub
        if number != cable.number:
            return
        if not hub.up or cable.cut_up or cable.cut_down:
            edge.later(RETRY_MS, "reconnect", self._try, edge, number)
        elif edge.key not in hub.owners:
            edge.handle(edge_on.KeyRefused())
        else:
            cable.connected = True
            cable.hub_life = hub.life
            cable.heard_down_ms = cable.heard_up_ms = self.world.time.now_ms
            edge.handle(edge_on.Connected())

    def hub_ended(self) -> None:
        """The hub's process is gone and all connections with it; some edges are told."""
        for edge in self.world.machines:
            if self.cable(edge).connected and self.dice.random() < NOTICED:
                self._tell_broken(edge)

    def reset(self, edge: SimEdge) -> None:
        """The connection breaks; whatever is on its way is lost."""
        self.world.time.fault("net_reset")
        self.cable(edge).generation += 1
        self._tell_broken(edge)

    def _tell_broken(self, edge: SimEdge) -> None:
        number = self.cable(edge).number

        def broken() -> None:
            if self.cable(edge).number == number:
                self.cable(edge).connected = False
                edge.handle(edge_on.Disconnected())

        edge.later(self.dice.randint(1, 500), "disconnected", broken)

    # Frames

    def to_hub(self, edge: SimEdge, data: bytes) -> None:
        """A frame leaves an edge."""
        cable = self.cable(edge)
        if not cable.connected:
            return
        data = self._spoil(data)
        peer, key = self.peer(edge, cable.number), edge.key
        if data[4:5] == HELLO:
            self.greetings.setdefault(edge.name, []).append((peer, data))
            self._old_welcome(edge)
        self._carry(edge, peer, data, up=True, key=key)

    def to_edge(self, peer: bytes, data: bytes) -> None:
        """A frame leaves the hub; the hub is told when nobody is at the other end."""
        machine, _, number = peer.decode().partition("/")
        edge = next((one for one in self.world.machines if one.machine == machine), None)
        hub = self.world.hub
        if edge is None or (int(number) != self.cable(edge).number and self._told_gone(edge)):
            hub.later(1, "peer gone", hub.handle, hub_on.PeerGone(peer))
            return
        if data[4:5] == WELCOME:
            self.welcomes.setdefault(edge.name, []).append(data)
        self._carry(edge, peer, data, up=False, key="")

    def _told_gone(self, edge: SimEdge) -> bool:
        """Say whether the hub hears that a socket is closed: never through a cable that is cut."""
        cable = self.cable(edge)
        return not (cable.cut_up or cable.cut_down) and self.dice.random() < NOTICED_LATE

    def _carry(self, edge: SimEdge, peer: bytes, data: bytes, *, up: bool, key: str) -> None:
        """Send one frame through everything that can happen to it."""
        options, time = self.world.options, self.world.time
        cable = self.cable(edge)
        time.note(f"{'up' if up else 'down'} {peer.decode()} {data[4:5].hex()} {len(data)}")
        if cable.cut_up if up else cable.cut_down:
            time.fault("net_cut_frame")
            return
        if self.world.wild and self.dice.random() < options.drop:
            time.fault("net_drop")
            return
        copies = 1
        if self.world.wild and self.dice.random() < options.duplicate:
            time.fault("net_duplicate")
            copies = 2
        longest = options.delay_ms if self.world.wild else 20
        generation, life = cable.generation, cable.hub_life
        for copy in range(copies):
            late = STALE_MS if copy and options.stale else longest
            delay = self.dice.randint(1, late)
            args = (edge, peer, data, key, generation, life)
            time.later(delay, "frame", self._arrive_up if up else self._arrive_down, *args)

    def _arrive_up(
        self, edge: SimEdge, peer: bytes, data: bytes, key: str, generation: int, life: int
    ) -> None:
        hub, cable = self.world.hub, self.cable(edge)
        if not hub.up or hub.life != life or generation != cable.generation:
            return
        cable.heard_up_ms = self.world.time.now_ms
        event = hub_on.Received(peer, key, data, hub.clock.wall_ms())
        hub.guarded(hub.handle, event)

    def _arrive_down(
        self, edge: SimEdge, peer: bytes, data: bytes, _key: str, generation: int, life: int
    ) -> None:
        cable = self.cable(edge)
        if not edge.up or generation != cable.generation or cable.hub_life != life:
            return
        event = edge_on.Received(data, edge.clock.wall_ms())
        if peer == self.peer(edge, cable.number):
            cable.heard_down_ms = self.world.time.now_ms
            edge.guarded(edge.handle, event)
        elif self.world.options.stale and self.world.wild:
            self._stale(edge, event)

    def _old_welcome(self, edge: SimEdge) -> None:
        """Just as an edge greets, an answer to one of its earlier greetings arrives."""
        welcomes = self.welcomes.get(edge.name)
        if welcomes and self.world.options.stale and self.world.wild:
            event = edge_on.Received(self.dice.choice(welcomes), 0)
            edge.later(0, "old welcome", self._stale, edge, event)

    def _stale(self, edge: SimEdge, event: edge_on.Received) -> None:
        """F-3: a frame of a connection that is closed belongs to nobody and changes nothing."""
        self.world.time.fault("net_stale")
        if edge.core.handle(event, edge.clock.mono_ms()):
            self.world.violation("I16", f"{edge.name} obeyed a frame of an old session")

    # Damage

    def _spoil(self, data: bytes) -> bytes:
        """Now and then change a byte in the body of a fact, above what encryption protects."""
        if not self.world.wild or self.dice.random() >= self.world.options.corrupt:
            return data
        try:
            frame = wire.decode(data)
        except InvalidInput:
            return data
        if not isinstance(frame.message, wire.Facts):
            return data
        self.world.time.fault("net_corrupt")
        records = list(frame.message.facts)
        at = self.dice.randrange(len(records))
        body = bytearray(records[at].body)
        body[self.dice.randrange(len(body))] ^= 1 << self.dice.randrange(7)
        records[at] = msgspec.structs.replace(records[at], body=bytes(body))
        message = msgspec.structs.replace(frame.message, facts=tuple(records))
        return wire.encode(frame.session, message)

    def forget_greetings(self) -> None:
        """The hub has another key: what was recorded under the old one opens nothing."""
        self.greetings.clear()

    def replay(self, edge: SimEdge) -> None:
        """F-60: a greeting of some time ago is sent once more."""
        hub, greetings = self.world.hub, self.greetings.get(edge.name)
        if hub.up and greetings:
            self.world.time.fault("net_replay")
            self.cable(edge).heard_up_ms = self.world.time.now_ms
            peer, data = self.dice.choice(greetings)
            hub.guarded(hub.handle, hub_on.Received(peer, edge.key, data, 0))

    def garbage(self, edge: SimEdge) -> None:
        """Bytes that are no frame, or half of one, from a peer that has a key."""
        self.world.time.fault("net_garbage")
        hub, cable = self.world.hub, self.cable(edge)
        cable.heard_up_ms = self.world.time.now_ms
        if not hub.up:
            return
        data = self.dice.randbytes(self.dice.choice((0, 1, 30, 2_000)))
        if self.dice.random() < 0.5:
            data = wire.encode(self.dice.randbytes(8), wire.Cack(self.dice.randrange(10**6)))
        peer = self.peer(edge, cable.number)
        hub.guarded(hub.handle, hub_on.Received(peer, edge.key, data, 0))
