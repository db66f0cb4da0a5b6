"""Commands on their way from the hub in one session: taken in order, each carried out once.

Ordinary commands form one gap-free sequence, so that nothing is left out and nothing is carried out
before what it builds on. A request to call a parcel back must not wait behind a morning's product
lists on a slow line: the hub sends a copy of it ahead of its turn. The copy is carried out if the
parcel is known here; its turn in the sequence then finds it done. A copy that cannot be carried out
yet changes nothing, because its turn will come. Source: reference protocol "WES-1", section 4.6.
"""

from __future__ import annotations

from edge.sync import core_events as on
from edge.sync.core_events import Effect
from shared.sync import protocol as wire
from shared.sync.protocol import Epoch


class Inbox:
    """The receiving half of one session. `cursor` is the last command that took effect."""

    def __init__(self, session: bytes, epoch: Epoch, cursor: int) -> None:
        """`epoch` is the hub's life that may command in this session."""
        self.cursor = cursor
        self._session = session
        self._epoch = epoch
        self._taken = cursor

    def commands(self, message: wire.Cmds) -> list[Effect]:
        """Carry out what comes next in the sequence; say how far it is when nothing does."""
        sequence = [record.seq for record in message.commands]
        in_order = sequence == list(range(message.first_seq, message.first_seq + len(sequence)))
        if message.hub_epoch != self._epoch or not in_order:
            return []
        expected = self._taken + 1
        fresh = [record for record in message.commands if record.seq >= expected]
        if message.first_seq > expected or not fresh:
            return [self._cack()]
        self._taken = fresh[-1].seq
        return [on.ApplyCommand(self._session, record) for record in fresh]

    def urgent(self, message: wire.Urgent) -> list[Effect]:
        """Carry out copies of commands whose turn has not come."""
        if message.hub_epoch != self._epoch:
            return []
        return [
            on.ApplyCommand(self._session, record, ahead=True)
            for record in message.commands
            if record.seq > self._taken
        ]

    def applied(self, event: on.CommandApplied) -> list[Effect]:
        """Tell the hub once everything taken so far has taken effect."""
        if event.session != self._session:
            return []
        moved = event.cursor > self.cursor
        self.cursor = max(self.cursor, event.cursor)
        return [self._cack()] if moved and self.cursor >= self._taken else []

    def failed(self, event: on.CommandFailed) -> None:
        """Storage did not take a command: the hub sends it again, and what came behind it."""
        if event.session == self._session:
            self._taken = self.cursor

    def _cack(self) -> Effect:
        return on.Send(wire.encode(self._session, wire.Cack(self.cursor)))
