"""What a new hub has before anybody told it anything: the default review rules."""

from __future__ import annotations

from hub.domain.review import DEFAULT_RULES
from hub.store.protocol import Desk


def seed_rules(desk: Desk) -> None:
    """Put the default review rules into force, unless there are rules already."""
    if not desk.catalogue.rules():
        for rule in DEFAULT_RULES:
            desk.catalogue.put_rule(rule)
