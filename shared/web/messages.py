"""Words for people, in their language. Code carries codes and numbers; catalogues carry sentences.

A catalogue folder holds `<part>.<language>.json` files, each a flat object of `code: sentence`.
A sentence names its parameters in braces. Chinese comes first and is complete; a code missing in
English falls back to Chinese, and a code missing in both shows itself, which a test forbids.
"""

from __future__ import annotations

import json
from importlib.resources.abc import Traversable
from typing import Final

LANGUAGES: Final = ("zh-CN", "en")
DEFAULT: Final = "zh-CN"


class _Lenient(dict[str, object]):
    def __missing__(self, key: str) -> str:
        return "{" + key + "}"


class Catalogue:
    """All sentences of one node, merged from the files in a folder."""

    def __init__(self, folder: Traversable) -> None:
        """Read every `*.<language>.json` in `folder`."""
        self._texts: dict[str, dict[str, str]] = {language: {} for language in LANGUAGES}
        for entry in sorted(folder.iterdir(), key=lambda item: item.name):
            for language in LANGUAGES:
                if entry.name.endswith(f".{language}.json"):
                    self._texts[language] |= json.loads(entry.read_text(encoding="utf-8"))

    def text(self, language: str, code: str, /, **params: object) -> str:
        """Return the sentence for `code`, its parameters filled in."""
        template = self._texts.get(language, {}).get(code) or self._texts[DEFAULT].get(code, code)
        return template.format_map(_Lenient(params))

    def part(self, language: str, prefix: str) -> dict[str, str]:
        """Return all templates whose code starts with `prefix`, for scripts in a page."""
        merged = self._texts[DEFAULT] | self._texts.get(language, {})
        return {code: text for code, text in merged.items() if code.startswith(prefix)}

    def codes(self, language: str) -> frozenset[str]:
        """Return every code that has a sentence in `language`."""
        return frozenset(self._texts[language])


def choose(accept_language: str | None, cookie: str | None) -> str:
    """Return the language for a request: the person's choice, else the browser's, else Chinese."""
    if cookie in LANGUAGES:
        return str(cookie)
    if accept_language and accept_language.strip().lower().startswith("en"):
        return "en"
    return DEFAULT
