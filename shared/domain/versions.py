"""Facts and commands of other versions: what is read as it stands, lifted, or kept for later.

Warehouses are updated one after the other, head office first, so for a while both sides differ by
one version. A body that an older version wrote is lifted step by step to today's shape; the bytes
in the log stay as they were, because they are hashed. A kind or version from the future is never
guessed at: head office keeps the fact unread and counts it after its own update, and a warehouse
refuses the command, which is its one result.

So facts are written whatever protocol the line has agreed on: they happened, the chain cannot leave
one out, and an edge writes most of them while it does not know which hub will read them. What
protects the reader is the version in each line and each command, not the line's: a field that an
older reader may overlook needs none, one that changes what is meant needs a higher version.
Source: reference protocol "WES-1", section 4.10.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, get_args

from shared.domain.commands import AssignParcel, Command, CommandBody, CommandRecord
from shared.domain.errors import InvalidInput
from shared.domain.facts import Fact, FactBody, FactRecord, decode_fact, kind_of

COMMAND_VERSION: Final = 2
"""Latest version of command bodies that this program knows."""

Upcast = Callable[[bytes], bytes]
"""Turns a body of one version into a body of the next one."""
FACT_UPCASTS: Final[Mapping[tuple[str, int], Upcast]] = {}
"""By kind and the version they lift from. A step is never removed: logs keep their lines for ever.
"""

_FACT_BODIES: Final[tuple[type[FactBody], ...]] = get_args(Fact)
_COMMAND_BODIES: Final[tuple[type[CommandBody], ...]] = get_args(Command)
FACT_KINDS: Final = frozenset(str(body.__struct_config__.tag) for body in _FACT_BODIES)
COMMAND_KINDS: Final = frozenset(str(body.__struct_config__.tag) for body in _COMMAND_BODIES)


def read_fact(record: FactRecord, upcasts: Mapping[tuple[str, int], Upcast] = FACT_UPCASTS) -> Fact:
    """Return what `record` says, in today's shape.

    Raises InvalidInput `fact_unknown` for a kind or version of a later program, `fact_unreadable`
    when the body is of another kind than the line says, and msgspec.DecodeError for a broken body.
    """
    if record.kind not in FACT_KINDS:
        raise _unknown(record)
    body, version = record.body, record.version
    if upcasts:
        while (step := upcasts.get((record.kind, version))) is not None:
            body, version = step(body), version + 1
    if version != _latest(record.kind, upcasts):
        raise _unknown(record)
    fact = decode_fact(body)
    if kind_of(fact) != record.kind:
        raise InvalidInput(
            "fact_unreadable",
            f"Line {record.seq} says it is {record.kind}, its body says {kind_of(fact)}.",
        )
    return fact


def _latest(kind: str, upcasts: Mapping[tuple[str, int], Upcast]) -> int:
    if not upcasts:
        return 1
    return max((old + 1 for lifted, old in upcasts if lifted == kind), default=1)


def _unknown(record: FactRecord) -> InvalidInput:
    return InvalidInput(
        "fact_unknown",
        f"Line {record.seq} is a {record.kind} of version {record.version}, which this program "
        "does not know yet.",
        hint="Update this program, then run `bincard hub retry`.",
    )


def command_version(command: Command) -> int:
    """Return the version to send a command under: the first whose readers do all that it says.

    Version 1 knew no parcel without a waybill and would print a label with none; it refuses such a
    one under version 2, head office holds the order and says that the warehouse needs an update.
    """
    return 2 if isinstance(command, AssignParcel) and not command.waybill else 1


def command_known(record: CommandRecord) -> bool:
    """Say whether this program can carry out commands of this kind and version."""
    return record.kind in COMMAND_KINDS and record.version <= COMMAND_VERSION
