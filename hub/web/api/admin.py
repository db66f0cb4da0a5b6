"""What administrators and the command line do: imports, tokens, enrolment codes, proofs."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import msgspec
from litestar import Response, delete, get, post
from litestar.params import FromPath, FromQuery, JSONBody
from litestar.types import ControllerRouterHandler

from hub.domain.rows import Token
from hub.services import enrolment
from hub.services.access import TokenMade, TokenRequest, create_token
from hub.services.adopt_edge import adopt_edge
from hub.services.import_files import FileKind, import_file
from hub.services.recover import write_off
from hub.services.recovery_report import RecoveryReport, report_recovery
from hub.services.verify_books import VerifyReport, verify_books
from hub.store.backup import advance_stable, back_up
from hub.store.protocol import Desk
from hub.sync.apply import Retried, retry_quarantined
from hub.web.requests import FILE_BODY_BYTES_MAX, AnyRequest, node_of, principal_of
from shared.domain.errors import InvalidInput, NotFound


class EnrolmentCode(msgspec.Struct, frozen=True, kw_only=True):
    """A one-time code for a warehouse's edge. Shown once."""

    warehouse: str
    code: str


class WarehouseName(msgspec.Struct, frozen=True, kw_only=True):
    """Which warehouse."""

    warehouse: str


class Adoption(msgspec.Struct, frozen=True, kw_only=True):
    """`adopted` is False when no second machine had been turned away."""

    warehouse: str
    adopted: bool


class BackupTarget(msgspec.Struct, frozen=True, kw_only=True):
    """Where on the hub's own machine the copy goes."""

    path: str


@post(
    "/api/v1/imports/{kind:str}",
    operation_id="postImport",
    opt={"scope": "stock:write"},
    status_code=200,
    request_max_body_size=FILE_BODY_BYTES_MAX,
)
async def post_import(
    request: AnyRequest,
    kind: FromPath[str],
    file: FromQuery[str | None] = None,
    import_id: FromQuery[str | None] = None,
) -> Response[Any]:
    """Import a CSV body: `warehouses`, `products`, `stock` or `orders`. Answers with a report.

    The same file again counts once; `import_id` (or Idempotency-Key) names the hand-over.
    """
    node_of(request).storage.watch.expect_room()
    if kind not in get_args(FileKind):
        raise NotFound(
            "import_unknown",
            f"Failed to import: expected one of {', '.join(get_args(FileKind))}, "
            f"got {kind[:32]!r}.",
        )
    name: str = import_id or request.headers.get("idempotency-key") or ""
    if len(name) > 128:
        raise InvalidInput("import_id_invalid", "Failed to import: the import id is too long.")
    report = await import_file(
        node_of(request).books,
        msgspec.convert(kind, FileKind),
        file=(file or f"{kind}.csv")[:256],
        content=await request.body(),
        import_id=name,
        actor=principal_of(request).name,
    )
    return Response(report)


@post("/api/v1/tokens", operation_id="postToken", opt={"scope": "admin"})
async def post_token(request: AnyRequest, data: JSONBody[TokenRequest]) -> TokenMade:
    """Make an API token; its secret is in this answer and nowhere else."""
    node = node_of(request)
    return await node.books.write(
        lambda desk: create_token(desk, data, node.entropy), actor=principal_of(request).name
    )


@get("/api/v1/tokens", operation_id="listTokens", opt={"scope": "admin"})
async def list_tokens(request: AnyRequest) -> list[Token]:
    """List tokens without their secrets."""
    return await node_of(request).books.read(lambda desk: desk.access.tokens())


@delete(
    "/api/v1/tokens/{token_id:str}",
    operation_id="revokeToken",
    opt={"scope": "admin"},
    status_code=200,
)
async def revoke_token(request: AnyRequest, token_id: FromPath[str]) -> dict[str, str]:
    """Make a token useless at once."""

    def work(desk: Desk) -> None:
        if not desk.access.revoke_token(token_id, desk.now_ms):
            raise NotFound("token_unknown", f"Failed to find a valid token {token_id[:64]!r}.")
        desk.journal.audit("revoke_token", token_id)

    node = node_of(request)
    await node.books.write(work, actor=principal_of(request).name)
    node.forget_principals()
    return {"token_id": token_id, "state": "revoked"}


@post("/api/v1/enrolment-codes", operation_id="postEnrolmentCode", opt={"scope": "admin"})
async def post_enrolment_code(request: AnyRequest, data: JSONBody[WarehouseName]) -> EnrolmentCode:
    """Make a one-time code with which a machine becomes a warehouse's edge."""
    node = node_of(request)
    code = await node.books.database.write(
        lambda tx: enrolment.make_code(
            tx, data.warehouse, now_ms=node.clock.wall_ms(), entropy=node.entropy
        )
    )
    return EnrolmentCode(warehouse=data.warehouse, code=code)


@get("/api/v1/verify", operation_id="getVerify", opt={"scope": "admin"})
async def get_verify(request: AnyRequest) -> VerifyReport:
    """Check every promise of the books that can be checked on disk."""
    return await node_of(request).books.read(verify_books)


@post("/api/v1/backups", operation_id="postBackup", opt={"scope": "admin"})
async def post_backup(request: AnyRequest, data: JSONBody[BackupTarget]) -> dict[str, Any]:
    """Copy the books into a new file on the hub's machine while it runs."""
    path = Path(data.path)
    database = node_of(request).books.database
    made = await database.read(lambda sql: back_up(sql, path))
    await database.write(lambda tx: advance_stable(tx.sql, made.ends))
    return {"path": str(path), "bytes": made.size_bytes}


@post("/api/v1/write-offs", operation_id="postWriteOff", opt={"scope": "admin"})
async def post_write_off(request: AnyRequest, data: JSONBody[WarehouseName]) -> WarehouseName:
    """Stop waiting for a warehouse that will not report to a restored hub."""
    await node_of(request).books.write(
        lambda desk: write_off(desk, data.warehouse), actor=principal_of(request).name
    )
    return data


@get("/api/v1/recovery", operation_id="getRecovery", opt={"scope": "admin"})
async def get_recovery(request: AnyRequest) -> RecoveryReport:
    """Say how far a hub that was restored or rebuilt has come, and what cannot be known."""
    return await node_of(request).books.read(report_recovery)


@post("/api/v1/quarantine/retry", operation_id="retryQuarantine", opt={"scope": "admin"})
async def retry_quarantine(request: AnyRequest) -> Retried:
    """Count again what could not be counted, after an update or once something was put right."""
    node = node_of(request)
    counted, waiting = await node.books.database.write(
        lambda tx: retry_quarantined(tx, node.project_fact, wall_ms=node.books.clock.wall_ms())
    )
    return Retried(counted=counted, waiting=waiting)


@post("/api/v1/adoptions", operation_id="postAdoption", opt={"scope": "admin"})
async def post_adoption(request: AnyRequest, data: JSONBody[WarehouseName]) -> Adoption:
    """Say that the machine turned away last, or the box that changed, is the warehouse's."""
    adopted = await node_of(request).books.write(
        lambda desk: adopt_edge(desk, data.warehouse), actor=principal_of(request).name
    )
    return Adoption(warehouse=data.warehouse, adopted=adopted)


handlers: list[ControllerRouterHandler] = [
    post_import,
    post_token,
    list_tokens,
    revoke_token,
    post_enrolment_code,
    get_verify,
    post_backup,
    post_write_off,
    get_recovery,
    retry_quarantine,
    post_adoption,
]
