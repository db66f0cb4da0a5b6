"""A short run of the fuzzer; the long one is `python tests/benchmarks/fuzz_codecs.py`."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from devices.scales.protocols import PROTOCOLS

BYTES = 12_000
FUZZER = Path(__file__).parents[2] / "benchmarks" / "fuzz_codecs.py"


@pytest.fixture(scope="module")
def fuzzer() -> ModuleType:
    spec = importlib.util.spec_from_file_location("fuzz_codecs", FUZZER)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_spoilt_bytes_never_make_a_stable_weight_that_nobody_sent(
    fuzzer: ModuleType, protocol: str
) -> None:
    result = fuzzer.fuzz(protocol, BYTES, seed=7)
    assert result["stable_unsent"] == 0, result
    assert result["readings"] > 100, result
    assert result["words"] > result["readings"], result


def test_the_fuzzer_can_find_a_wrong_weight(
    fuzzer: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fuzzer, "CHECKSUM", frozenset({"toledo-8217"}))
    assert fuzzer.fuzz("toledo-8217", BYTES * 4, seed=7)["stable_unsent"] > 0
