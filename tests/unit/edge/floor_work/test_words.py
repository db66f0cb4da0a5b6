"""Every verdict and every question has its sentence, in both languages, saying the same."""

import json
import re
from pathlib import Path

import edge
from shared.web.messages import LANGUAGES

EDGE = Path(edge.__file__).parent
VERDICT = re.compile(r'\b(?:right|attention|stop)\(\s*"(\w+)"')
OTHERWISE = re.compile(r'(?:right|attention|stop)\(\s*"\w+" if [^"]+ else "(\w+)"')
QUESTION = re.compile(r'"((?:scan|bring)_[a-z]\w*)"')
OPENED = re.compile(r'open_exception\(\s*"\w+",\s*[^,]+,\s*"(\w+)"')
PARAMETER = re.compile(r"{(\w+)}")


def texts(language: str, part: str = "*") -> dict[str, str]:
    found: dict[str, str] = {}
    for path in (EDGE / "web" / "locale").glob(f"{part}.{language}.json"):
        found |= json.loads(path.read_text(encoding="utf-8"))
    return found


def test_every_code_of_the_floor_has_a_sentence() -> None:
    used: set[str] = set()
    for path in [*EDGE.glob("services/*.py"), EDGE / "domain/picking.py"]:
        source = path.read_text(encoding="utf-8")
        used |= {code for shape in (VERDICT, OTHERWISE, OPENED) for code in shape.findall(source)}
    for name in ("pick", "receive", "scan"):
        used |= set(QUESTION.findall((EDGE / f"services/{name}.py").read_text(encoding="utf-8")))
    assert {"picked", "scan_sn", "sn_disputed"} <= used
    for language in LANGUAGES:
        assert used - texts(language).keys() == set(), language


def test_both_languages_say_the_same_things() -> None:
    chinese, english = (texts(language, "scan") for language in LANGUAGES)
    assert chinese.keys() == english.keys()
    for code, sentence in chinese.items():
        assert set(PARAMETER.findall(sentence)) == set(PARAMETER.findall(english[code])), code
