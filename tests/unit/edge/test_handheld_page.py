"""What the handheld's page is made of: small, strict, complete in both languages.

Method: the shipped files are read as they are, and the page is asked for over a real ASGI call.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from types import SimpleNamespace

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from edge.web.handheld.routes import handlers
from shared.web.assets import folder
from shared.web.messages import LANGUAGES, Catalogue

STATIC = folder("edge.web.handheld")
LOCALE = Path(str(files("edge.web") / "locale"))
SCRIPTS = sorted(STATIC.glob("*.js"))
GZIP_BYTES_MAX = 40_000
KEY = re.compile(r'"(hand\.[a-z_]+(?:\.\w+)?)"')
BUILT_KEYS = re.compile(r"`(hand\.\w+\.)\$\{")
NODE = SimpleNamespace(catalogue=Catalogue(files("edge.web") / "locale"))


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient[Litestar]]:
    app = Litestar(route_handlers=handlers, openapi_config=None, logging_config=None)
    app.state.node = NODE
    with TestClient(app) as client:
        yield client


def sentences(language: str) -> dict[str, str]:
    text = (LOCALE / f"handheld.{language}.json").read_text(encoding="utf-8")
    found: dict[str, str] = json.loads(text)
    return found


def test_the_scripts_fit_into_forty_kilobytes_packed() -> None:
    packed = sum(len(gzip.compress(path.read_bytes())) for path in SCRIPTS)
    assert len(SCRIPTS) > 5
    assert packed < GZIP_BYTES_MAX


def test_both_languages_say_the_same_things_with_the_same_figures() -> None:
    chinese, english = sentences("zh-CN"), sentences("en")
    assert chinese.keys() == english.keys()
    figures = {
        code: (set(re.findall(r"\{\w+\}", chinese[code])), set(re.findall(r"\{\w+\}", text)))
        for code, text in english.items()
    }
    assert {code: both for code, both in figures.items() if both[0] != both[1]} == {}


def test_every_sentence_a_script_asks_for_exists_and_every_sentence_is_used() -> None:
    source = "".join(path.read_text(encoding="utf-8") for path in SCRIPTS)
    asked = set(KEY.findall(source)) | {"hand.title", "hand.scan_field"}
    built = tuple(set(BUILT_KEYS.findall(source)))
    known = set(sentences("zh-CN"))
    assert asked - known == set()
    assert {code for code in known - asked if not code.startswith(built)} == set()


def test_codes_that_are_refused_here_have_words_in_both_languages() -> None:
    source = (STATIC / "machine.js").read_text(encoding="utf-8")
    codes = set(re.findall(r'"(?:attention|stop)", "(\w+)"', source))
    assert len(codes) > 8
    for language in LANGUAGES:
        words = NODE.catalogue.codes(language)
        assert {c for c in codes if c not in words and f"hand.do.{c}" not in words} == set()


def test_scripts_never_read_keys_and_pages_have_nothing_inline(
    client: TestClient[Litestar],
) -> None:
    for path in SCRIPTS:
        source = path.read_text(encoding="utf-8")
        assert "event.key" not in source
        assert "innerHTML" not in source
    page = client.get("/hand").text
    assert "style=" not in page
    assert re.findall(r"<script(?![^>]*\bsrc=)", page) == []
    assert "http" not in page


def test_the_page_comes_in_the_language_of_the_device(client: TestClient[Litestar]) -> None:
    chinese = client.get("/hand", headers={"Accept-Language": "zh-CN"})
    english = client.get("/hand", headers={"Accept-Language": "en-GB"})
    assert '<html lang="zh-CN"' in chinese.text
    assert '<html lang="en"' in english.text
    assert chinese.headers["content-security-policy"].startswith("default-src 'self'")


@pytest.mark.parametrize("language", LANGUAGES)
def test_words_for_the_page_are_its_own_and_the_answers_to_scans(
    client: TestClient[Litestar], language: str
) -> None:
    words = client.get(f"/hand/messages.{language}.json").json()
    assert words.items() >= sentences(language).items()
    assert not [code for code in words if "." in code and not code.startswith("hand.")]


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/static/handheld/app.js", "javascript"),
        ("/static/handheld/hand.css", "text/css"),
        ("/static/shared/tokens.css", "text/css"),
        ("/static/shared/vendor/htmx.min.js", "javascript"),
        ("/hand/worker.js", "javascript"),
        ("/hand/app.webmanifest", "manifest+json"),
    ],
)
def test_files_are_served_with_the_type_a_browser_insists_on(
    client: TestClient[Litestar], path: str, kind: str
) -> None:
    answer = client.get(path)
    assert answer.status_code == 200
    assert kind in answer.headers["content-type"]
