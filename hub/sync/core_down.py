"""Commands on their way to one warehouse: in order, a bounded amount at a time.

One batch is on the way, no larger than the line has shown it can carry in a moment, so that a
heartbeat or an answer never waits long behind it. What must not wait for its turn (a parcel is
called back while ten thousand products are being sent) overtakes as a copy; the command itself
still comes in its turn, and the edge carries out whichever comes first, once.
Source: reference protocol "WES-1", section 4.6; F-6.
"""

from __future__ import annotations

from collections.abc import Mapping

from hub.sync import core_events as on
from hub.sync.core_events import Effect
from hub.sync.core_session import Session
from shared.domain.commands import URGENT_KINDS
from shared.domain.ports import Entropy
from shared.sync import protocol as wire


def pump(session: Session, now_ms: int) -> list[Effect]:
    """Ask for the next commands or, while some are on their way, for urgent ones behind them.

    Nothing is sent to a machine that has not shown that it took the welcome in.
    """
    down = session.down
    if not down.noted:
        down.noted = True
        return [on.StoreCack(session.node, down.cursor), *pump(session, now_ms)]
    down.wanted = True
    if down.reading or not session.confirmed:
        return []
    if down.data:
        return _look_behind(session, now_ms)
    down.reading = True
    down.wanted = False
    return [
        on.ReadCommands(
            peer=session.peer,
            session=session.session,
            node=session.node,
            after_seq=down.cursor,
            commands_max=wire.COMMANDS_PER_BATCH_MAX,
            bytes_max=min(wire.COMMAND_BYTES_PER_BATCH_MAX, session.pace.batch_bytes),
        )
    ]


def _look_behind(session: Session, now_ms: int) -> list[Effect]:
    down = session.down
    if now_ms - down.urgent_ms < wire.PUMP_MS or not wire.spoken(wire.Urgent, session.proto):
        return []
    down.urgent_ms = now_ms
    return [
        on.ReadCommands(
            peer=session.peer,
            session=session.session,
            node=session.node,
            after_seq=down.last_seq,
            commands_max=wire.URGENT_MAX,
            bytes_max=wire.URGENT_BYTES_MAX,
            kinds=tuple(sorted(URGENT_KINDS)),
        )
    ]


def commands_read(
    session: Session, event: on.CommandsRead, now_ms: int, entropy: Entropy
) -> list[Effect]:
    """Send what was read."""
    down = session.down
    down.head_seq = max(down.head_seq, event.head_seq)
    if event.urgent:
        return _overtake(session, event, now_ms)
    down.reading = False
    if not event.records or event.records[0].seq != down.cursor + 1:
        return pump(session, now_ms) if down.wanted else []
    message = wire.Cmds(session.epoch, event.records[0].seq, event.records)
    down.data = wire.encode(session.session, message)
    down.last_seq = event.records[-1].seq
    down.sent_ms = now_ms
    down.resend_ms = now_ms + session.pace.resend_after(entropy)
    return [on.Send(session.peer, down.data)]


def _overtake(session: Session, event: on.CommandsRead, now_ms: int) -> list[Effect]:
    """Send copies of urgent commands, each again only when it may have been lost."""
    down = session.down
    sent = down.urgent_sent = {
        seq: at_ms for seq, at_ms in down.urgent_sent.items() if seq > down.last_seq
    }
    due = tuple(
        record
        for record in event.records
        if record.seq > down.last_seq
        and (record.seq not in sent or now_ms - sent[record.seq] >= wire.URGENT_AGAIN_MS)
    )
    if not due:
        return []
    sent.update((record.seq, now_ms) for record in due)
    return [on.Send(session.peer, wire.encode(session.session, wire.Urgent(session.epoch, due)))]


def cacked(session: Session, message: wire.Cack, now_ms: int) -> list[Effect]:
    """The edge carried out commands: note it and send the next ones."""
    down = session.down
    if message.down_seq <= down.cursor or message.down_seq > down.last_seq:
        return []
    down.cursor = message.down_seq
    if down.cursor == down.last_seq:
        session.pace.answered(now_ms - down.sent_ms, len(down.data))
    down.data = b""
    session.pace.progressed()
    return [on.StoreCack(session.node, down.cursor), *pump(session, now_ms)]


def not_noted(sessions: Mapping[bytes, Session], node: str) -> list[Effect]:
    """The books did not take a node's cursor, for want of room: the next pump notes it."""
    for session in sessions.values():
        if session.node == node:
            session.down.noted = False
    return []


def resend_late(session: Session, now_ms: int, entropy: Entropy) -> list[Effect]:
    """Send the batch again when its time is over."""
    down = session.down
    if not down.data or now_ms < down.resend_ms:
        return []
    session.pace.resent()
    down.resend_ms = now_ms + session.pace.resend_after(entropy)
    return [on.Send(session.peer, down.data)]
