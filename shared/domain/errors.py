"""Errors are sentences a person can act on.

A picker does not read stack traces. Each error says what was attempted, what was expected, what
came instead, and what to do next; `code` is for programs, `hint` for people, `retryable` for both.

BincardError
├── InvalidInput    400  the text itself cannot be read (bad row, bad barcode, bad JSON)
├── Unauthorized    401  nobody is named, or the token is unknown
├── Forbidden       403  somebody is named, but may not do this
├── NotFound        404  nothing has that name here
├── Conflict        409  the same id came before with other content, or another person was faster
├── Refused         422  readable and allowed, but the state of stock, parcel or order forbids it
├── TooMuch         429  a named limit is reached; later it will go through
├── Unavailable     503  a device, the disk or the hub does not answer now
└── BooksBroken     500  a promise of the books does not hold: stop and call for help
"""

from __future__ import annotations


class BincardError(Exception):
    """Base of all errors Bincard raises on purpose."""

    status = 500
    """HTTP status (RFC 9110) under which the web layer reports this error."""
    retryable = False
    """True when the very same request may succeed later without anybody changing anything."""

    def __init__(self, code: str, message: str, *, hint: str = "") -> None:
        """`code` is a stable snake_case word, `message` one full sentence without personal data."""
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint


class InvalidInput(BincardError):
    """The input cannot be read; nothing was changed."""

    status = 400


class Unauthorized(BincardError):
    """No known token or badge came with the request."""

    status = 401


class Forbidden(BincardError):
    """The token or badge is known but does not carry this right."""

    status = 403


class NotFound(BincardError):
    """Nothing has that name here."""

    status = 404


class Conflict(BincardError):
    """The same id was used for something else, or the row changed meanwhile."""

    status = 409


class Stale(BincardError):
    """The writer has seen an older state than the one it would change."""

    status = 412


class Refused(BincardError):
    """A readable, allowed request that the present state forbids."""

    status = 422


class TooMuch(BincardError):
    """A named limit is reached."""

    status = 429
    retryable = True


class Unavailable(BincardError):
    """Something outside this process does not answer at the moment."""

    status = 503
    retryable = True


class BooksBroken(BincardError):
    """An invariant of the books does not hold. Never caught to go on."""

    status = 500
