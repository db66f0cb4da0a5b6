"""Figures, times and codes as people read them, in the reader's language.

A clock shows 24 hours; today has no date and this year no year. An age under ten minutes counts in
minutes, an older one becomes a time. A serial number stands in groups of four whose gaps are
margins, so that copying it brings no spaces; its last group is bold because people compare ends.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import msgspec
from markupsafe import Markup, escape

from edge.domain.verdict import Params
from shared.domain.catalogue import Recipient, masked_name, masked_phone
from shared.web.messages import DEFAULT, Catalogue

MINUTE_MS: Final = 60_000
HOUR_MS: Final = 60 * MINUTE_MS
RECENT_MS: Final = 10 * MINUTE_MS
GROUP: Final = 4


def local(at_ms: int) -> datetime:
    """Return the warehouse's own time (the machine's zone) of `at_ms`, milliseconds since 1970."""
    return datetime.fromtimestamp(at_ms / 1000, tz=UTC).astimezone()


def day_start_ms(at_ms: int) -> int:
    """Return the last midnight before `at_ms` in the warehouse's own time."""
    midnight = local(at_ms).replace(hour=0, minute=0, second=0, microsecond=0)
    return int(midnight.timestamp() * 1000)


class Reader:
    """One person looking at one page: their language and the moment the page was made."""

    def __init__(self, language: str, catalogue: Catalogue, now_ms: int) -> None:
        """`now_ms` is wall time in milliseconds since 1970 UTC."""
        self.language = language
        self.now_ms = now_ms
        self._catalogue = catalogue
        self._codes = catalogue.codes(language) | catalogue.codes(DEFAULT)

    def has(self, code: str) -> bool:
        """Return True when there is a sentence for `code`."""
        return code in self._codes

    def text(self, code: str, /, **params: object) -> str:
        """Return the sentence for `code`."""
        return self._catalogue.text(self.language, code, **params)

    def rich(self, code: str, /, **params: object) -> Markup:
        """Return a sentence that carries markup of its own; its parameters are escaped."""
        safe = {name: escape(value) for name, value in params.items()}
        # The sentence is ours, from a file; only what is put into it could be somebody else's.
        return Markup(self._catalogue.text(self.language, code, **safe))  # noqa: S704

    def first(self, *codes: str, params: Params | None = None) -> str:
        """Return the first of `codes` that has a sentence; the last code itself if none has."""
        code = next((code for code in codes if self.has(code)), codes[-1])
        return self.text(code, **(params or {}))

    def sentence(self, code: str, params: Params) -> str:
        """Return the words for something that waits: devices and times in them as people say."""
        words: Params = dict(params)
        for name, value in params.items():
            if name in {"printer", "device", "station"}:
                words[name] = self.thing(str(value))
            elif name.endswith("_ms"):
                words[name.removesuffix("_ms")] = self.clock(int(value))
        if "sentence" in params:
            return str(params["sentence"])
        codes = (f"con.exc.{code}", code, "con.exc.other")
        return self.first(*codes, params=words)

    def thing(self, name: str) -> str:
        """Return a station or device as people call it: `bench-2` is `Bench 2`."""
        kind, _, number = name.rpartition("-")
        key = f"con.thing.{kind}"
        return self.text(key, n=number) if self.has(key) else name

    def name(self, kind: str, code: str) -> str:
        """Return the name of a courier, channel, state or role; its code where it has none."""
        key = f"con.{kind}.{code}"
        return self.text(key) if self.has(key) else code

    def clock(self, at_ms: int, *, seconds: bool = False) -> str:
        """Return `14:42`, `11-21 14:42` on another day, `2025-11-21` in another year."""
        at, now = local(at_ms), local(self.now_ms)
        time = f"{at:%H:%M:%S}" if seconds else f"{at:%H:%M}"
        if at.date() == now.date():
            return time
        return f"{at:%m-%d} {time}" if at.year == now.year else f"{at:%Y-%m-%d}"

    def hour(self, at_ms: int) -> str:
        """Return the hour of `at_ms` in two digits."""
        return f"{local(at_ms):%H}"

    def today(self) -> str:
        """Return the day with its name: `11-21 周六`, `Sat 11-21`."""
        at = local(self.now_ms)
        day = self.text(f"con.weekday.{at.isoweekday()}")
        return self.text("con.today_is", day=day, date=f"{at:%m-%d}")

    def span(self, milliseconds: int) -> str:
        """Return a length of time: `48 min`, `1 h 12 min`, `3 d 4 h`."""
        if milliseconds < MINUTE_MS // 2:
            return self.text("con.span.under")
        minutes = round(milliseconds / MINUTE_MS)
        if minutes < 60:
            return self.text("con.span.minutes", m=minutes)
        hours = minutes // 60
        if hours < 48:
            return self.text("con.span.hours", h=hours, m=minutes % 60)
        return self.text("con.span.days", d=hours // 24, h=hours % 24)

    def age(self, at_ms: int) -> str:
        """Return how long ago, in minutes when recent, else the time itself."""
        past = self.now_ms - at_ms
        if past < MINUTE_MS:
            return self.text("con.age.now")
        if past < RECENT_MS:
            return self.text("con.age.minutes", m=past // MINUTE_MS)
        return self.clock(at_ms)

    def number(self, amount: int) -> str:
        """Return `3,214`."""
        return f"{amount:,}"

    def kg(self, grams: int) -> str:
        """Return `1.284 kg`."""
        return f"{grams / 1000:.3f} kg"

    def metres(self, millimetres: int) -> str:
        """Return `412 m`."""
        return f"{round(millimetres / 1000):,} m"

    def listed(self, names: list[str]) -> str:
        """Return names in a row, as the language joins them."""
        return self.text("con.comma").join(names)

    def code(self, text: str) -> Markup:
        """Return a short code (bin, SKU, wave) as it is, never broken."""
        return Markup('<span class="code"><i>{}</i></span>').format(text)

    def serial(self, text: str) -> Markup:
        """Return a serial number or waybill in groups of four, the last one bold."""
        groups = [text[at : at + GROUP] for at in range(0, len(text), GROUP)] or [""]
        first = Markup("").join(Markup("<i>{}</i>").format(group) for group in groups[:-1])
        return Markup('<span class="code">{}<i><u>{}</u></i></span>').format(first, groups[-1])

    def waybill(self, text: str) -> Markup:
        """Return a waybill as a serial number is shown, or say that the parcel has none yet."""
        if text:
            return self.serial(text)
        return Markup('<span class="quiet">{}</span>').format(self.text("con.waybill.pending"))


def masked_recipient(recipient: str) -> str:
    """Return whom a parcel goes to as screens show it: `李* 137****2206 广东省 深圳市 南山区`.

    `recipient` is the JSON of `shared.domain.catalogue.Recipient`; erased data give an empty text.
    """
    try:
        to = msgspec.json.decode(recipient, type=Recipient)
    except msgspec.DecodeError:
        return ""
    parts = [masked_name(to.name), masked_phone(to.phone), to.province, to.city, to.district]
    return " ".join(part for part in dict.fromkeys(parts) if part)
