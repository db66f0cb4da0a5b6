"""Asking a courier for one parcel's waybill number, over HTTP.

The parcel's id goes with each question, and a courier that knows it answers with the same number
again; so a question whose answer was lost is simply asked again. What is sent holds a person's
address: it is never logged, nor is what comes back.
"""

from __future__ import annotations

from typing import Annotated, Final

import httpx
import msgspec

from hub.bounded_body import read_up_to
from hub.domain.waybill_numbers import NUMBER_CHARS_MAX
from shared.domain.catalogue import Recipient
from shared.domain.errors import Refused, Unavailable

ANSWER_BYTES_MAX: Final = 65_536
CONNECTIONS_MAX: Final = 16
WAIT_SECONDS_MAX: Final = 3_600
"""A courier that asks us to wait longer is asked again after this."""
LASTING: Final = frozenset({400, 401, 403, 404, 409, 410, 422})
"""Answers after which the same question will not succeed."""


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """One parcel to carry. `to` is personal data."""

    parcel_id: str
    courier: str
    warehouse: str
    order_no: str
    weight_grams: int | None
    to: Recipient

    def __repr__(self) -> str:
        """Name the parcel only."""
        return f"Question({self.parcel_id!r})"


class Issued(msgspec.Struct, frozen=True, kw_only=True):
    """What a courier answers: the number, and the code by which it sorts, if it gives one."""

    parcel_id: str
    waybill: Annotated[str, msgspec.Meta(min_length=1, max_length=NUMBER_CHARS_MAX)]
    sort_code: Annotated[str, msgspec.Meta(max_length=64)] = ""


class CourierSilent(Unavailable):
    """No usable answer: a number may have been issued or not. Asking again is safe."""

    def __init__(self, code: str, message: str, *, retry_after_ms: int = 0) -> None:
        """`code` such as `courier_timeout`; `retry_after_ms` is what the courier asks for."""
        super().__init__(code, message, hint="It is asked again by itself.")
        self.retry_after_ms = retry_after_ms


class CourierRefused(Refused):
    """The courier answered no; the same question will not succeed later."""


class Issuer:
    """HTTP to all couriers. One per process; close it at the end."""

    def __init__(self, timeout_ms: int) -> None:
        """`timeout_ms`: how long a courier may keep silent before its answer counts as lost."""
        self._http = httpx.AsyncClient(
            timeout=httpx.Timeout(timeout_ms / 1000),
            limits=httpx.Limits(max_connections=CONNECTIONS_MAX),
            headers={"user-agent": "bincard"},
            follow_redirects=False,
            trust_env=False,
        )

    async def ask(self, url: str, token: str, question: Question) -> Issued:
        """Return the number for one parcel; raises CourierSilent or CourierRefused."""
        headers = {"content-type": "application/json", "idempotency-key": question.parcel_id}
        if token:
            headers["authorization"] = f"Bearer {token}"
        content = msgspec.json.encode(question)
        try:
            request = self._http.build_request(
                "POST", f"{url.rstrip('/')}/waybills", headers=headers, content=content
            )
            answer = await self._http.send(request, stream=True)
            try:
                body = await _body(answer)
            finally:
                await answer.aclose()
        except httpx.InvalidURL:
            raise CourierRefused(
                "courier_address",
                f"Failed to ask {question.courier}: its address cannot be used.",
                hint="Correct its `url` in the file named by BINCARD_HUB_COURIERS.",
            ) from None
        except httpx.TimeoutException:
            raise CourierSilent(
                "courier_timeout", f"Failed to ask {question.courier}: it did not answer in time."
            ) from None
        except httpx.HTTPError as error:
            raise CourierSilent(
                "courier_unreachable",
                f"Failed to ask {question.courier} ({type(error).__name__}).",
            ) from None
        return _read(answer.status_code, answer.headers.get("retry-after", ""), body, question)

    async def close(self) -> None:
        """Close all connections."""
        await self._http.aclose()


def _read(status: int, retry_after: str, body: bytes, question: Question) -> Issued:
    """Return what the courier means; its own words stay out of our sentences."""
    if status in LASTING:
        raise CourierRefused(
            "courier_refused",
            f"Failed to get a number from {question.courier}: it answered {status}.",
            hint="Look at the parcel's address and the courier's contract, then retry.",
        )
    if not 200 <= status < 300:
        seconds = int(retry_after) if retry_after.isascii() and retry_after.isdigit() else 0
        raise CourierSilent(
            "courier_broken",
            f"Failed to get a number from {question.courier}: it answered {status}.",
            retry_after_ms=min(seconds, WAIT_SECONDS_MAX) * 1000,
        )
    try:
        issued = msgspec.json.decode(body, type=Issued)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise CourierSilent(
            "courier_unreadable",
            f"Failed to read the answer of {question.courier}: expected a JSON object with "
            "parcel_id and waybill.",
        ) from None
    if issued.parcel_id != question.parcel_id:
        raise CourierSilent(
            "courier_mixed_up",
            f"Failed to read the answer of {question.courier}: it is for another parcel.",
        )
    return issued


async def _body(answer: httpx.Response) -> bytes:
    body = await read_up_to(answer, ANSWER_BYTES_MAX)
    if body is None:
        raise CourierSilent(
            "courier_answer_too_large",
            f"Failed to read a courier's answer: more than {ANSWER_BYTES_MAX} bytes.",
        )
    return body
