"""Rights this warehouse may sell by itself, per SKU: granted, used and returned, all totals.

The guard is the UPDATE itself, in the transaction that sells: two clerks can never spend the same
right. Source: reference protocol "WES-1", section 4.8 (the bounded counter).
"""

from __future__ import annotations

import sqlite3
from typing import Final, NamedTuple

from edge.store import exceptions, products, recoveries, waves
from shared.sync.protocol import QUOTA_TOTALS_MAX, QuotaTotal

RECOUNT: Final = "recount"
"""Code of the exception that says: this disk went back in time and nobody has counted since."""


class Quota(NamedTuple):
    """Rights to one SKU; `free` of them may still be sold.

    `overspent` of those granted were spent twice, by two machines with one identity.
    """

    sku: str
    granted: int
    used: int
    returned: int
    overspent: int = 0

    @property
    def free(self) -> int:
        """Rights that are neither used nor returned."""
        return self.granted - self.used - self.returned


class Offer(NamedTuple):
    """What the counter may sell of one SKU: rights, and units that no order waits for."""

    sku: str
    name: str
    serial_policy: str
    granted: int
    used: int
    returned: int
    on_shelves: int
    for_orders: int

    @property
    def free(self) -> int:
        """Rights that are neither used nor returned."""
        return self.granted - self.used - self.returned

    @property
    def sellable(self) -> int:
        """Units that may be sold now: rights and units, whichever are fewer."""
        return max(0, min(self.free, self.on_shelves - self.for_orders))


def get(sql: sqlite3.Connection, sku: str) -> Quota:
    """Return the rights to one SKU; all zero when none were ever granted."""
    row = sql.execute(
        "SELECT sku, granted, used, returned, overspent FROM quotas WHERE sku = ?", (sku,)
    ).fetchone()
    return Quota(*row) if row else Quota(sku, 0, 0, 0)


def grant(sql: sqlite3.Connection, sku: str, total: int) -> None:
    """Take over a total granted so far; the larger one counts, so a late one changes nothing."""
    sql.execute(
        "INSERT INTO quotas (sku, granted) VALUES (?, ?)"
        " ON CONFLICT (sku) DO UPDATE SET granted = max(granted, excluded.granted + overspent)",
        (sku, total),
    )


def use(sql: sqlite3.Connection, sku: str, units: int) -> bool:
    """Spend rights to units that leave now; False changes nothing."""
    done = sql.execute(
        "UPDATE quotas SET used = used + ? WHERE sku = ? AND granted - used - returned >= ?",
        (units, sku, units),
    )
    return done.rowcount == 1


def give_up(sql: sqlite3.Connection, sku: str, units: int) -> bool:
    """Give up rights for good; False changes nothing. The fact that says so goes beside it."""
    done = sql.execute(
        "UPDATE quotas SET returned = returned + ?"
        " WHERE sku = ? AND granted - used - returned >= ?",
        (units, sku, units),
    )
    return done.rowcount == 1


def relive(sql: sqlite3.Connection, sku: str, *, used: int = 0, returned: int = 0) -> None:
    """Enter rights that were spent in a past this disk forgot; they cannot be spent again."""
    known = get(sql, sku)
    beyond = max(0, used + returned - known.free)
    sql.execute(
        "INSERT INTO quotas (sku, granted, used, returned, overspent)"
        " VALUES (:sku, :granted, :used, :returned, :overspent)"
        " ON CONFLICT (sku) DO UPDATE SET granted = excluded.granted, used = excluded.used,"
        " returned = excluded.returned, overspent = excluded.overspent",
        {
            "sku": sku,
            "granted": known.granted + beyond,
            "used": known.used + used,
            "returned": known.returned + returned,
            "overspent": known.overspent + beyond,
        },
    )


def frozen(sql: sqlite3.Connection) -> bool:
    """Return True while nobody can know which rights were spent: after this disk went back."""
    return recoveries.running(sql) or bool(exceptions.subjects(sql, RECOUNT))


def totals(sql: sqlite3.Connection) -> tuple[QuotaTotal, ...]:
    """Return what a greeting says of quotas: everything ever granted, as known here."""
    rows = sql.execute(
        "SELECT sku, granted - overspent FROM quotas WHERE granted > overspent "
        "ORDER BY sku LIMIT ?",
        (QUOTA_TOTALS_MAX,),
    )
    return tuple(QuotaTotal(sku, total) for sku, total in rows)


def promised_to_orders(sql: sqlite3.Connection, sku: str) -> int:
    """Return the units that parcels assigned here still wait for, on no pick list yet."""
    row = sql.execute(
        "SELECT COALESCE(SUM(l.quantity - l.picked - l.short), 0) FROM parcels p"
        " JOIN parcel_lines l ON l.parcel_id = p.parcel_id"
        " WHERE p.state = 'waiting' AND p.cancel_command_id IS NULL AND l.sku = ?",
        (sku,),
    ).fetchone()
    return int(row[0])


def offers(sql: sqlite3.Connection) -> list[Offer]:
    """Return what the counter may sell of every SKU it was ever lent, by SKU."""
    lent = all_of(sql)
    free = waves.free_stock(sql, [one.sku for one in lent])
    found = []
    for one in lent:
        product = products.by_sku(sql, one.sku)
        found.append(
            Offer(
                sku=one.sku,
                name=product.name if product else one.sku,
                serial_policy=product.serial_policy if product else "none",
                granted=one.granted,
                used=one.used,
                returned=one.returned,
                on_shelves=sum(free.get(one.sku, {}).values()),
                for_orders=promised_to_orders(sql, one.sku),
            )
        )
    return found


def all_of(sql: sqlite3.Connection) -> list[Quota]:
    """Return the rights to every SKU that were ever granted."""
    rows = sql.execute("SELECT sku, granted, used, returned, overspent FROM quotas ORDER BY sku")
    return [Quota(*row) for row in rows]
