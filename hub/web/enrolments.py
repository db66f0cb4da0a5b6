"""Where a new edge shows its one-time code. The code is the only credential, so no token is asked.

The application that mounts `handlers` puts an `EnrolmentDesk` into `app.state.enrolment`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import msgspec
from litestar import Request, post
from litestar.datastructures import State
from litestar.handlers import BaseRouteHandler
from litestar.params import JSONBody

from hub.services import enrolment
from shared.domain.ports import Clock
from shared.runtime.database import Database


class EnrolmentDesk(msgspec.Struct, frozen=True):
    """What an enrolment needs and answers with. `on_enrolled` is the listener's `keys_changed`."""

    database: Database
    clock: Clock
    server_key: str
    sync_host: str
    sync_port: int
    on_enrolled: Callable[[], None]


class EnrolmentRequest(msgspec.Struct, frozen=True):
    """`public_key` is the edge's CURVE public key in Z85 text; `renew` keeps the present one."""

    code: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    public_key: Annotated[str, msgspec.Meta(min_length=40, max_length=40)]
    renew: bool = False


class EnrolmentAnswer(msgspec.Struct, frozen=True):
    """An empty `sync_host` means: the host you have reached the hub under."""

    node: str
    name: str
    server_key: str
    sync_host: str
    sync_port: int


@post("/api/v1/enrolments", status_code=201)
async def enrol(
    request: Request[object, object, State], data: JSONBody[EnrolmentRequest]
) -> EnrolmentAnswer:
    """Redeem a one-time code: from now on `public_key` speaks for the code's warehouse.

    With `renew` the key before stays valid until this one is first used.
    """
    desk: EnrolmentDesk = request.app.state.enrolment
    enrolled = await desk.database.write(
        lambda tx: enrolment.redeem(
            tx, data.code, data.public_key, now_ms=desk.clock.wall_ms(), renew=data.renew
        )
    )
    desk.on_enrolled()
    return EnrolmentAnswer(
        node=enrolled.node,
        name=enrolled.name,
        server_key=desk.server_key,
        sync_host="" if desk.sync_host in ("0.0.0.0", "::", "*") else desk.sync_host,  # noqa: S104
        sync_port=desk.sync_port,
    )


handlers: list[BaseRouteHandler] = [enrol]
