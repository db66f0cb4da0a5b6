"""What was told to shops long ago is forgotten in small slices; what is still owed never is."""

from __future__ import annotations

from typing import Any

from hub.domain.channel_rows import Task, TaskState
from hub.services.channel_tasks import FORGET_PER_COMMIT, SETTLED_KEPT_MS, forget_settled
from hub.store.protocol import Desk


def owe(desk: Desk, name: str, state: TaskState, changed_ms: int) -> None:
    desk.channels.put_task(
        Task(
            task_id=f"confirm_shipment:{name}",
            channel="generic",
            shop="main",
            kind="confirm_shipment",
            subject=name,
            state=state,
            due_ms=changed_ms,
            made_ms=changed_ms,
            changed_ms=changed_ms,
        )
    )


def test_settled_debts_are_forgotten_by_age_and_the_others_kept(books: Any) -> None:
    def fill(desk: Desk) -> None:
        old_ms = desk.now_ms - SETTLED_KEPT_MS - 1
        for number in range(FORGET_PER_COMMIT + 1):
            owe(desk, f"old-{number}", "done", old_ms - number)
        owe(desk, "owed", "waiting", old_ms)
        owe(desk, "given-up", "dead", old_ms)
        owe(desk, "fresh", "done", desk.now_ms - SETTLED_KEPT_MS // 2)

    books.write(fill)
    assert books.write(forget_settled) == FORGET_PER_COMMIT
    left = books.read(lambda desk: desk.channels.task("confirm_shipment:old-0"))
    assert left is not None, "the youngest of the old ones goes last"
    assert books.write(forget_settled) == 1
    assert books.write(forget_settled) == 0
    counts = [
        books.read(lambda desk, state=state: desk.channels.count_tasks("generic", "main", state))
        for state in ("waiting", "dead", "done")
    ]
    assert counts == [1, 1, 1]
