"""The hub's interface keeps its own description, whatever is sent to it.

Method: Schemathesis makes requests from the description that the hub itself serves, sound and
unsound ones, and sends them to a real process. An answer may refuse, with a status and a shape that
the description lists for that operation; it may never be a 500 or something else.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Final
from unittest import SkipTest

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.strategies import SearchStrategy
from schemathesis import Case, GenerationMode, checks
from schemathesis.core.failures import Failure, FailureGroup

EXAMPLES: Final = int(os.environ.get("BINCARD_TEST_CONTRACT_EXAMPLES", "3"))
"""Requests per operation; a campaign sets more."""
LEFT_OUT: Final = {
    "streamEvents": "it never ends by itself",
    "postBackup": "it writes files wherever the body says",
    "revokeToken": "it may revoke the token that the test uses",
}
CHECKS: Final = [
    checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
]


@pytest.fixture(scope="module")
def hub(tmp_path_factory: Any, hub_process_class: Any, store: Any) -> Iterator[Any]:
    process = hub_process_class(tmp_path_factory.mktemp("contract") / "state", store())
    process.start()
    process.fill("SHA,A01,PHONE,2,SN001 SN002", "SHA,A02,CABLE,100,")
    yield process
    process.stop()


def requests_to(hub: Any) -> Iterator[tuple[str, SearchStrategy[Case]]]:
    """Return (operation, requests to it), sound ones and unsound ones."""
    found = schemathesis.openapi.from_dict(hub.client.get("/schema").json())
    for result in found.get_all_operations():
        operation = result.ok()
        if operation.definition.raw["operationId"] in LEFT_OUT:
            continue
        for mode in GenerationMode:
            with suppress(SkipTest):
                yield operation.label, operation.as_strategy(generation_mode=mode)


def test_every_answer_is_one_the_description_lists(hub: Any) -> None:
    wrong: list[str] = []
    tried = 0
    for label, cases in requests_to(hub):

        @given(case=cases)
        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        def ask(case: Case) -> None:
            nonlocal tried
            tried += 1
            case.call_and_validate(
                base_url=str(hub.client.base_url),
                headers={"Authorization": hub.client.headers["Authorization"]},
                checks=CHECKS,
                timeout=30,
            )

        try:
            ask()
        except FailureGroup as group:
            wrong += [f"{label}: {one}" for one in group.exceptions]
        except Failure as failure:
            wrong.append(f"{label}: {failure}")
    assert not wrong, "\n\n".join(wrong)
    assert tried >= 30 * EXAMPLES // 2
    assert hub.client.get("/api/v1/verify").json()["holds"] is True
