"""Signatures against numbers that others wrote down; sources stand beside them in the fixture."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hub.channels import douyin, jd, pinduoduo, taobao
from hub.channels.signing import check_standard_webhook, hmac_base64, standard_webhook
from shared.domain.errors import Unauthorized
from tests.unit.hub.channels.talk import fixture

CASES: list[dict[str, Any]] = json.loads(fixture("signatures.json"))
BY_PARAMS = {
    "taobao": taobao.sign,
    "jd": jd.sign,
    "douyin": douyin.sign,
    "pinduoduo": pinduoduo.sign,
}


def signed(case: dict[str, Any]) -> str:
    if case["scheme"] == "standard_webhook":
        return standard_webhook(
            case["secret"], case["id"], case["timestamp"], case["body"].encode()
        )
    if case["scheme"] == "hmac_base64":
        return hmac_base64(case["secret"].encode(), case["body"].encode())
    return BY_PARAMS[case["scheme"]](case["params"], case["secret"])


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_a_signature_is_the_one_written_down(case: dict[str, Any]) -> None:
    assert case["source"]
    assert signed(case) == case["expected"]


@pytest.mark.parametrize("scheme", sorted(BY_PARAMS))
def test_one_changed_character_changes_the_signature(scheme: str) -> None:
    case = next(case for case in CASES if case["scheme"] == scheme)
    name = "timestamp"
    changed = {**case["params"], name: case["params"][name] + "1"}
    assert BY_PARAMS[scheme](changed, case["secret"]) != case["expected"]


def headers_of(case: dict[str, Any]) -> dict[str, str]:
    return {
        "webhook-id": case["id"],
        "webhook-timestamp": case["timestamp"],
        "webhook-signature": f"v1,bm9uZQ== {case['expected']}",
    }


def test_a_fresh_webhook_with_one_fitting_signature_of_two_is_let_in() -> None:
    case = CASES[0]
    now_ms = int(case["timestamp"]) * 1000 + 299_000
    check_standard_webhook(
        ["bm9uZQ==", case["secret"]], headers_of(case), case["body"].encode(), now_ms
    )


@pytest.mark.parametrize(
    ("change", "moved_ms"),
    [
        ({}, 301_000),
        ({}, -301_000),
        ({"webhook-id": "msg_other"}, 0),
        ({"webhook-id": ""}, 0),
        ({"webhook-timestamp": "soon"}, 0),
        ({"webhook-signature": ""}, 0),
    ],
)
def test_a_late_replayed_or_changed_webhook_is_turned_away(
    change: dict[str, str], moved_ms: int
) -> None:
    case = CASES[0]
    now_ms = int(case["timestamp"]) * 1000 + moved_ms
    with pytest.raises(Unauthorized):
        check_standard_webhook(
            [case["secret"]], {**headers_of(case), **change}, case["body"].encode(), now_ms
        )


def test_no_secret_lets_nobody_in() -> None:
    case = CASES[0]
    with pytest.raises(Unauthorized):
        check_standard_webhook(
            [], headers_of(case), case["body"].encode(), int(case["timestamp"]) * 1000
        )
