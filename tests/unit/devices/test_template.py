"""Templates: what a lead may change, and every mistake that is told before it can be printed."""

from __future__ import annotations

import base64
import io
import json
from typing import Any

import pytest
from PIL import Image

from devices.printers import labels, layout, template
from shared.domain.errors import InvalidInput

NAME = "waybill-76x130"


def _changed(**first: Any) -> str:
    """The waybill's template with its first text element changed."""
    body = json.loads(template.default_body(NAME))
    place = next(n for n, one in enumerate(body["elements"]) if one["type"] == "text")
    body["elements"][place] |= first
    return json.dumps(body)


def _with(*elements: dict[str, Any]) -> str:
    body = json.loads(template.default_body(NAME))
    return json.dumps(body | {"elements": [*body["elements"], *elements]})


def _in_place_of_goods(**element: Any) -> str:
    body = json.loads(template.default_body(NAME))
    left = [one for one in body["elements"] if one.get("text") != "{goods}"]
    element |= {"x": 14, "y": 97}
    return json.dumps(body | {"elements": [*left, element]})


def _without(kind: str) -> str:
    body = json.loads(template.default_body(NAME))
    left = [one for one in body["elements"] if one["type"] != kind]
    return json.dumps(body | {"elements": left})


def _resized(width: int) -> str:
    return template.default_body(NAME).replace('"width_mm": 76', f'"width_mm": {width}')


def _code(**changed: Any) -> str:
    body = json.loads(template.default_body(NAME))
    for element in body["elements"]:
        if element["type"] == "barcode":
            element.update(changed)
    return json.dumps(body)


@pytest.mark.parametrize("name", template.NAMES)
def test_every_template_of_the_program_can_be_printed_on_every_head(name: str) -> None:
    looks = layout.tried(template.default_body(name))
    assert looks == labels.default(name)
    assert looks.name == name


LINE = {"type": "line", "x": 5, "y": 42, "length": 60}
MISTAKES = [
    ("{", "not the JSON we expect"),
    ('{"kind": "cake"}', "kind"),
    (_changed(txt="x"), "unknown field `txt`"),
    (_changed(x=40, width=60), "ends 100 mm right"),
    (_changed(text="{adress}"), "names {adress}; a waybill label knows waybill"),
    (_changed(when="fragile"), "names {fragile}"),
    (_changed(size=1.2), "below 1.8 mm nobody can read them"),
    (_changed(text="{weight} kg"), "must be {weight} alone"),
    (_changed(text="{weight}"), "in one place, it is in 2"),
    (_without("barcode"), "needs a barcode (code128) that holds {waybill} and nothing else"),
    (_code(data="{order_ref}"), "needs a barcode (code128) that holds {waybill}"),
    (_code(when="copy_mark"), "needs a barcode (code128) that holds {waybill}"),
    (_code(width=30), "its place on the label has 240"),
    (_with(LINE), "Element 29 (line) lies on the code of element 14"),
    (_in_place_of_goods(type="barcode", width=50, height=9, data="{sender}"), "holds 1 to 40"),
    (_in_place_of_goods(type="qr", size=8, data="{order_ref}"), "A QR code of 16 characters needs"),
    (_with({"type": "image", "x": 60, "y": 98, "width": 9, "height": 9, "png": "aGVsbG8="}),
     "must be a PNG"),
    (_resized(80), "There is no label waybill-80x130"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "sentence"), MISTAKES, ids=[m[1][:40] for m in MISTAKES])
def test_a_template_that_could_print_a_useless_label_is_refused(body: str, sentence: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        layout.tried(body)
    assert sentence in str(refused.value)
    assert refused.value.code == "template_invalid"


def test_every_mistake_is_told_at_once() -> None:
    with pytest.raises(InvalidInput) as refused:
        layout.tried(_changed(x=70, text="{adress}", size=1))
    assert all(word in str(refused.value) for word in ("mm right", "{adress}", "1.8 mm"))


def test_a_logo_and_a_new_size_of_letters_are_printed() -> None:
    out = io.BytesIO()
    Image.new("L", (40, 20), 0).save(out, "PNG")
    logo = {"type": "image", "x": 60, "y": 98, "width": 10, "height": 10,
            "png": base64.b64encode(out.getvalue()).decode()}  # fmt: skip
    before = layout.page(labels.default(NAME), {"waybill": "SF1"})
    after = layout.page(layout.tried(_with(logo)), {"waybill": "SF1"})
    (added,) = [element for element in after.elements if element not in before.elements]
    assert (added.x, added.y, added.bitmap.width, added.bitmap.height) == (480, 784, 80, 40)
