"""Review rules over HTTP: read them, try them on past orders, put them into force.

A rule that holds the wrong orders costs a day of parcels, so a change can be tried first: the dry
run says how many past orders it would have held, which, and which of those held would have gone.
"""

from __future__ import annotations

import msgspec
from litestar import get, post, put
from litestar.params import FromPath, JSONBody
from litestar.types import ControllerRouterHandler

from hub.domain.review import Rule, check_rule
from hub.services.review_order import DryRun, Trial, dry_run
from hub.store.protocol import Desk
from hub.web.requests import AnyRequest, node_of, principal_of, unless_changed
from shared.domain.errors import InvalidInput, NotFound


@get("/api/v1/rules", operation_id="listRules", opt={"scope": "orders:read"})
async def list_rules(request: AnyRequest) -> list[Rule]:
    """List the newest version of every review rule, those that are switched off too."""
    return list(await node_of(request).books.read(lambda desk: desk.catalogue.rules()))


def _need_rule(desk: Desk, rule_id: str) -> Rule:
    for rule in desk.catalogue.rules():
        if rule.rule_id == rule_id:
            return rule
    raise NotFound("rule_unknown", f"Failed to find review rule {rule_id[:64]!r}.")


@get("/api/v1/rules/{rule_id:str}", operation_id="getRule", opt={"scope": "orders:read"})
async def get_rule(request: AnyRequest, rule_id: FromPath[str]) -> Rule:
    """Return the newest version of one review rule."""
    return await node_of(request).books.read(lambda desk: _need_rule(desk, rule_id))


@put("/api/v1/rules/{rule_id:str}", operation_id="putRule", opt={"scope": "rules:write"})
async def put_rule(request: AnyRequest, rule_id: FromPath[str], data: JSONBody[Rule]) -> Rule:
    """Put a new version of a review rule into force; the hub numbers the versions."""
    if data.rule_id != rule_id:
        raise InvalidInput(
            "rule_id_differs",
            f"Failed to change rule {rule_id[:64]!r}: the body names {data.rule_id!r}.",
        )
    check_rule(data)

    def work(desk: Desk) -> Rule:
        before = {rule.rule_id: rule.version for rule in desk.catalogue.rules()}
        rule = msgspec.structs.replace(data, version=before.get(rule_id, 0) + 1)
        desk.catalogue.put_rule(rule)
        desk.journal.audit("put_rule", rule_id, f"version {rule.version}")
        return rule

    return await node_of(request).books.write(
        unless_changed(request, lambda desk: _need_rule(desk, rule_id), work),
        actor=principal_of(request).name,
    )


@post(
    "/api/v1/rules/dry-run", operation_id="tryRules", opt={"scope": "orders:read"}, status_code=200
)
async def try_rules(request: AnyRequest, data: JSONBody[DryRun]) -> Trial:
    """Say what rules would have done to the newest orders; nothing is changed."""
    return await node_of(request).books.read(lambda desk: dry_run(desk, data))


handlers: list[ControllerRouterHandler] = [list_rules, get_rule, put_rule, try_rules]
