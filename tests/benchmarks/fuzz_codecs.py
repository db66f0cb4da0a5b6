"""Drowns every scale codec in spoilt bytes and counts the stable weights that nobody sent.

Run `python tests/benchmarks/fuzz_codecs.py --bytes 10000000 [--protocol NAME …] [--seed N]`; it
prints one JSON object a protocol. Messages come from the simulator; the line cuts them, merges
them, and puts random bytes between them. Protocols with a guard also lose and gain bytes inside a
message, and those with a checksum suffer flipped bits. What no reader could notice is left out: a
flipped digit where there is no checksum, a lost digit where there is no width. `stable_unsent`
must be 0; `unsent` also counts readings without a stability flag, which settle only if repeated.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import sys
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from devices.scales.protocols import PROTOCOLS
from devices.scales.reading import Reading, ScaleWord, in_unit
from devices.simulated.dialects import DIALECTS
from devices.simulated.scale import ScaleManner, Shown
from devices.simulated.sics import SicsScale

BYTES = 10_000_000
CHUNK_MAX = 200
GARBAGE_MAX = 40
CHECKSUM = frozenset({"toledo-continuous", "cas-ecr", "dibal", "yaohua-a9"})
"""Any one wrong bit is noticed."""
WIDTH = frozenset({"mt-sics", "and", "and-18", "cas-22", "ohaus", "yaohua-a12"})
"""A lost or an added byte is noticed."""
SHORT = frozenset({"toledo-8217"})
"""Seven bytes: noise and the rest of a torn message can be one by chance, so they never meet."""
UNGUARDED_TAIL = {"mt-sics": len("g\r\n") + 8}
"""A lost `k` makes grams of kilograms: the unit has no guard, and here none is lost."""
WEIGHTS = [grams for grams in range(-150, 30_001) if grams % 97 == 13]
"""Sparse: a weight made of the wrong digits is one of these once in a hundred times only."""
STATUSES = ("stable", "stable", "stable", "unstable", "overload", "underload")


def message(protocol: str, shown: Shown) -> bytes:
    """Return what a simulated scale sends for `shown`."""
    if protocol == "mt-sics":
        scale = SicsScale(ScaleManner(settle_ms=0 if shown.status == "stable" else 1_000_000))
        scale.put({"overload": 40_000, "underload": -5_000}.get(shown.status, shown.grams), 0)
        return scale.hear(b"SI\r\n", 1)
    dialect = DIALECTS[protocol]
    frame = dialect.unasked or next(iter(dialect.questions.values()))
    return frame(shown)


class Line:
    """Spoilt messages of one protocol; `sent` holds the grams of all that were at rest."""

    def __init__(self, protocol: str, seed: int) -> None:
        self.random = random.Random(seed)
        self.protocol = protocol
        self.sent: set[str] = set()
        self.all: set[str] = set()
        self.codec = PROTOCOLS[protocol].codec
        self.whole_before = True

    def first(self) -> bytes:
        """Return one whole weight: a reader that knows how a scale writes trusts nothing else."""
        return self._message("stable")

    def next(self) -> bytes:
        """Return the next piece of the line: a message, a spoilt one, or garbage."""
        roll = self.random.random()
        before, self.whole_before = self.whole_before, True
        if roll < 0.15 and before:
            self.whole_before = self.protocol not in SHORT
            return self.random.randbytes(self.random.randint(1, GARBAGE_MAX))
        raw = self._message()
        if roll < 0.55 or not before:
            return raw
        if roll < 0.65:
            self.whole_before = False
            return raw[: self.random.randrange(len(raw))]
        if roll < 0.70:
            return raw[self.random.randrange(len(raw)) :]
        if roll < 0.75:
            return raw + raw
        return self._inside(raw, roll)

    def _inside(self, raw: bytes, roll: float) -> bytes:
        at = self.random.randrange(len(raw) - UNGUARDED_TAIL.get(self.protocol, 0))
        if self.protocol in CHECKSUM and roll < 0.85:
            flipped = bytearray(raw)
            flipped[at] ^= 1 << self.random.randrange(8)
            return bytes(flipped)
        if self.protocol in CHECKSUM | WIDTH:
            if roll < 0.93:
                self.whole_before = False
                return raw[:at] + raw[at + self.random.randint(1, 8) :]
            return raw[:at] + self.random.randbytes(self.random.randint(1, 8)) + raw[at:]
        return raw

    def _message(self, status: str = "") -> bytes:
        status = status or self.random.choice(STATUSES)
        grams = self.random.choice(WEIGHTS)
        tare = self.random.choice((0, 0, 0, 250))
        if self.protocol == "mt-sics":
            tare = 0
        raw = message(self.protocol, Shown(status, grams, tare, "kg"))
        if not raw:
            return self._message()
        for word in self._said(raw):
            if isinstance(word, Reading) and word.grams is not None:
                self.all.add(word.grams)
                if word.status == "stable":
                    self.sent.add(word.grams)
        return raw

    def _said(self, raw: bytes) -> list[ScaleWord]:
        codec = self.codec()
        words = [known(word) for word in codec.feed(raw) + codec.close()]
        assert len(words) == 1, (self.protocol, raw, words)
        return words


def known(word: ScaleWord) -> ScaleWord:
    """Return `word` with the unit that the devices file would give."""
    return in_unit(word, "kg") if isinstance(word, Reading) else word


def chunks(line: Line, total: int) -> Iterator[bytes]:
    """Yield at least `total` bytes of `line` in pieces of any size."""
    held = bytearray(line.first())
    made = 0
    while made < total:
        while len(held) < CHUNK_MAX:
            held += line.next()
        size = line.random.randint(1, CHUNK_MAX)
        yield bytes(held[:size])
        del held[:size]
        made += size


def fuzz(protocol: str, total: int, seed: int) -> dict[str, object]:
    """Feed `total` spoilt bytes to a codec; return what came out."""
    line = Line(protocol, seed)
    codec = line.codec()
    counts = {"bytes": 0, "words": 0, "readings": 0, "stable": 0, "unsent": 0, "stable_unsent": 0}
    examples: list[str] = []
    grown_from = 0
    started = time.process_time()
    for chunk in chunks(line, total):
        counts["bytes"] += len(chunk)
        for word in map(known, codec.feed(chunk)):
            counts["words"] += 1
            if not isinstance(word, Reading) or word.grams is None:
                continue
            counts["readings"] += 1
            counts["stable"] += word.status == "stable"
            counts["unsent"] += word.grams not in line.all
            if word.status == "stable" and word.grams not in line.sent:
                counts["stable_unsent"] += 1
                examples.append(word.grams)
        if not grown_from and counts["bytes"] > total // 10:
            grown_from = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - grown_from
    seconds = round(time.process_time() - started, 1)
    result: dict[str, object] = {"protocol": protocol, "seed": seed, **counts}
    return result | {
        "peak_memory_growth_kb": grown,
        "cpu_seconds": seconds,
        "examples": examples[:5],
    }


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bytes", type=int, default=BYTES)
    parser.add_argument("--seed", type=int, default=20_260_411)
    parser.add_argument("--protocol", action="append", choices=list(PROTOCOLS))
    arguments = parser.parse_args()
    wrong = 0
    for protocol in arguments.protocol or PROTOCOLS:
        result = fuzz(protocol, arguments.bytes, arguments.seed)
        wrong += int(str(result["stable_unsent"]))
        sys.stdout.write(json.dumps(result) + "\n")
        sys.stdout.flush()
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
