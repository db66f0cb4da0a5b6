"""What the floor says to a scan: yes or no, one code, one signal, and what to scan next.

Three signals, three sounds: *right* is a short high note, *attention* means look (twice, wrong
place, unknown), *stop* means do not go on. The code and its numbers travel; the sentence is made in
the reader's language where it is shown.
"""

from __future__ import annotations

from typing import Literal

import msgspec

Signal = Literal["right", "attention", "stop"]
Params = dict[str, str | int]


class Verdict(msgspec.Struct, frozen=True):
    """The answer to one scan. `ask` is the code of the sentence that says what comes next."""

    accepted: bool
    code: str
    signal: Signal
    params: Params = {}
    ask: str = ""
    ask_params: Params = {}


def right(code: str, params: Params | None = None) -> Verdict:
    """Return a yes; say what comes next with `then`."""
    return Verdict(True, code, "right", params or {})


def attention(code: str, params: Params | None = None) -> Verdict:
    """Return a no that the next scan wipes away."""
    return Verdict(False, code, "attention", params or {})


def stop(code: str, params: Params | None = None) -> Verdict:
    """Return a no that a person has to deal with before going on."""
    return Verdict(False, code, "stop", params or {})


def then(verdict: Verdict, ask: str, ask_params: Params | None = None) -> Verdict:
    """Return `verdict` with what to scan next."""
    return msgspec.structs.replace(verdict, ask=ask, ask_params=ask_params or {})
