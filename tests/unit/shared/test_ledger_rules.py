"""Double entry: whatever happens, units are only moved, never made."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.errors import BooksBroken, Refused
from shared.domain.ledger import Movement, check, replay

ACCOUNTS = ("supplier", "bin:A", "bin:B", "tote:C01-01", "customer")


def moved(quantity: int, source: str, target: str, serial: str | None = None) -> Movement:
    return Movement(
        movement_id="m", sku="S", serial=serial, quantity=quantity, source=source, target=target
    )


@given(
    st.lists(
        st.tuples(st.integers(1, 9), st.sampled_from(ACCOUNTS), st.sampled_from(ACCOUNTS)).filter(
            lambda move: move[1] != move[2]
        ),
        max_size=30,
    )
)
def test_the_sum_over_all_accounts_is_always_zero(moves: list[tuple[int, str, str]]) -> None:
    try:
        balances = replay(moved(*move) for move in moves)
    except BooksBroken:
        return
    assert sum(balances.values()) == 0
    assert all(units > 0 for (account, _), units in balances.items() if account.startswith("bin:"))


def test_a_bin_never_gives_more_than_it_has() -> None:
    with pytest.raises(BooksBroken, match="leaves -1"):
        replay([moved(2, "supplier", "bin:A"), moved(3, "bin:A", "tote:C01-01")])


@pytest.mark.parametrize(
    "movement",
    [moved(0, "supplier", "bin:A"), moved(1, "bin:A", "bin:A"), moved(2, "supplier", "bin:A", "X")],
)
def test_a_malformed_movement_is_refused(movement: Movement) -> None:
    with pytest.raises(Refused):
        check(movement)
