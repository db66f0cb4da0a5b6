"""Parcels over HTTP. People's data is masked here; who needs the full address prints the label."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import get
from litestar.params import FromPath, FromQuery

from edge.store import numbers, parcels
from edge.store.parcels import ParcelRow
from edge.web.api.requests import PAGE_MAX, AnyRequest, InState, absent, node_of
from shared.domain.catalogue import Recipient, masked_name, masked_phone

_recipient = msgspec.json.Decoder(Recipient)
_SHOWN = (
    "parcel_id",
    "order_id",
    "channel",
    "shop",
    "order_no",
    "courier",
    "cut_off_ms",
    "waybill",
    "sort_code",
    "buyer_remark",
    "state",
    "wave",
    "tote",
    "bench",
    "weight_grams",
    "manifest",
    "assigned_ms",
    "packed_ms",
    "shipped_ms",
    "changed_ms",
)


@get("/api/v1/parcels", operation_id="listParcels")
async def list_parcels(
    request: AnyRequest,
    in_state: InState = "",
    q: FromQuery[str] = "",
    after: FromQuery[str] = "",
    limit: FromQuery[int] = 100,
) -> dict[str, Any]:
    """Return parcels in id order; `next` continues behind the last one."""
    size = max(1, min(limit, PAGE_MAX))
    rows = await node_of(request).database.read(
        lambda sql: parcels.summaries(sql, state=in_state, text=q, after=after, limit=size)
    )
    return {
        "parcels": [row._asdict() for row in rows],
        "next": rows[-1].parcel_id if len(rows) == size else None,
    }


@get("/api/v1/parcels/{parcel_id:str}", operation_id="getParcel")
async def get_parcel(request: AnyRequest, parcel_id: FromPath[str]) -> dict[str, Any]:
    """Return one parcel with its lines and serial numbers, the buyer masked."""
    node = node_of(request)
    parcel = await node.database.read(lambda sql: parcels.get(sql, parcel_id))
    if parcel is None:
        raise absent("parcel", parcel_id)
    lines = await node.database.read(lambda sql: parcels.lines(sql, parcel_id))
    units = await node.database.read(lambda sql: parcels.serials_of(sql, parcel_id))
    return _head(parcel) | {
        "lines": [
            line._asdict()
            | {"serials": [unit.serial for unit in units if unit.line_no == line.line_no]}
            for line in lines
        ]
    }


@get("/api/v1/waybill-numbers", operation_id="getWaybillNumbers")
async def get_waybill_numbers(request: AnyRequest) -> dict[str, Any]:
    """Return how the waybill numbers of each courier stand here, and who waits for one."""
    levels = await node_of(request).database.read(numbers.levels)
    return {"couriers": [level._asdict() | {"low": level.low} for level in levels]}


def _head(parcel: ParcelRow) -> dict[str, Any]:
    shown = {name: getattr(parcel, name) for name in _SHOWN}
    shown["cancel_requested"] = parcel.cancel_command_id is not None
    try:
        recipient = _recipient.decode(parcel.recipient)
    except msgspec.MsgspecError:
        return shown | {"recipient": None}
    return shown | {
        "recipient": {
            "name": masked_name(recipient.name),
            "phone": masked_phone(recipient.phone),
            "province": recipient.province,
            "city": recipient.city,
        }
    }


handlers = [list_parcels, get_parcel, get_waybill_numbers]
