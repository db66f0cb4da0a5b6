"""Weighings over HTTP: the evidence of the weigh gate, and the audited way round a broken scale."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any, Final

import msgspec
from litestar import get, post
from litestar.params import FromQuery, JSONBody
from litestar.types import ControllerRouterHandler

from edge.services import print_label, weigh
from edge.services.bench import BenchState
from edge.services.print_label import Drawn
from edge.store import manifests, packing, stations
from edge.web.api.requests import PAGE_MAX, AnyRequest, language_of, node_of, told
from shared.runtime.database import Transaction

OK: Final = 200

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class WeightByHand(msgspec.Struct, frozen=True):
    """A weight typed by a lead, in grams; `reason` says why the scale is not used."""

    op_id: Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
    station: Text
    grams: int
    badge: Text
    reason: Text


@get("/api/v1/weighings", operation_id="getWeighings")
async def get_weighings(request: AnyRequest, limit: FromQuery[int] = 100) -> dict[str, Any]:
    """Return the newest weighings, accepted and refused, newest first."""
    rows = await node_of(request).database.read(
        lambda sql: packing.weighings(sql, max(1, min(limit, PAGE_MAX)))
    )
    return {"weighings": [msgspec.structs.asdict(row) for row in rows]}


@post("/api/v1/weighings", operation_id="postWeighing", status_code=OK)
async def post_weighing(request: AnyRequest, data: JSONBody[WeightByHand]) -> dict[str, Any]:
    """Take a typed weight for the parcel on a bench; a lead answers for it."""
    node = node_of(request)

    def prepare(sql: Any) -> Drawn | None:
        parcel_id = BenchState(sql, stations.load(sql, data.station)).job.parcel_id
        if parcel_id is None:
            return None
        return print_label.draw(sql, parcel_id, site=node.site, station=data.station)

    drawn = await node.database.read(prepare)
    work = partial(
        weigh.weigh_by_hand,
        bench_name=data.station,
        grams=data.grams,
        badge=data.badge,
        reason=data.reason,
        drawn=drawn,
    )

    def use_case(tx: Transaction) -> Any:
        return work(node.floor(tx, data.op_id, data.badge))

    verdict = await node.database.write(use_case)
    outcome = "accepted" if verdict.accepted else "rejected"
    answer = {"op_id": data.op_id, "outcome": outcome}
    return answer | told(node.catalogue, language_of(request), verdict)


@get("/api/v1/manifests", operation_id="getManifests")
async def get_manifests(request: AnyRequest) -> dict[str, Any]:
    """Return the open manifests with the number of parcels on each."""

    def read(sql: Any) -> list[dict[str, Any]]:
        return [
            msgspec.structs.asdict(one) | {"parcels": manifests.parcels_on(sql, one.manifest)}
            for one in manifests.all_open(sql)
        ]

    return {"manifests": await node_of(request).database.read(read)}


handlers: list[ControllerRouterHandler] = [get_weighings, post_weighing, get_manifests]
