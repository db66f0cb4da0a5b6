"""The packer: tote, units, scale, label, box. Works one bench with its scale and printer."""

from __future__ import annotations

from collections import Counter
from functools import cached_property

from edge.services import print_label, weigh
from edge.services.bench import BenchState
from edge.services.scan import ScanAnswer
from edge.services.weigh import Load
from edge.store import parcels
from edge.store.recoveries import PAST_MISSING
from edge.store.stations import StationRow
from tests.simulation.goods import RACK, Unit
from tests.simulation.people import Person

CARTON_GRAMS = 120
REFUSALS_TAKEN = 5
"""So often a packer tries a unit before laying it apart."""


class Packer(Person):
    """What is on the bench is in `goods.benches`; `tote` is the tote it came out of, if any."""

    tote = ""
    box = ""
    """Waybill of the parcel on this bench once it is weighed: whatever the books forget, it is on
    the screen, or on the label."""
    placement = 0

    @cached_property
    def odd(self) -> Counter[str]:
        """How often each number was refused as not of the parcel in hand."""
        return Counter()

    @property
    def units(self) -> list[Unit]:
        """Things lying on this bench."""
        return self.goods.benches[self.warehouse, self.station]

    def act(self, row: StationRow) -> bool:
        """Do the bench's present step."""
        state = BenchState(self.edge.sql, row)
        halt = state.halt()
        if halt is not None:
            return self._halted(state, halt.code)
        if state.job.step == "tote":
            return self._next_tote()
        if state.job.step == "scan_out":
            return self._scan_out(state)
        return self._weigh(state) if state.job.step == "weigh" else self._label(state)

    # Tote and boxes that come back

    def _next_tote(self) -> bool:
        if self.tote:
            self._clear_to_tote()
        elif self.units:
            self._clear_to_box()
        self.box = ""
        returns = self.goods.returns[self.warehouse]
        if returns:
            waybill = returns.popleft()
            return self.scan(waybill, lambda answer: self._box_back(waybill, answer))
        filled = self.goods.standing_totes(self.warehouse)
        if not filled:
            return False
        tote = self.dice.choice(filled)
        return self.scan(tote, lambda answer: self._tote_opened(tote, answer))

    def _clear_to_tote(self) -> None:
        """The parcel was set aside: what lies here goes back into its tote."""
        if self.units:
            self.goods.totes.setdefault((self.warehouse, self.tote), []).extend(self.units)
            self.units.clear()
        self.tote = ""

    def _clear_to_box(self) -> None:
        """The books forgot the box on this bench: it comes back like any other closed box."""
        if self.box:
            self.goods.returns[self.warehouse].append(self.box)
            self._close(self.box)
            return
        for unit in self.units:
            self.goods.put(self.warehouse, RACK, unit)
        self.units.clear()

    def _tote_opened(self, tote: str, answer: ScanAnswer) -> None:
        if answer.verdict.accepted:
            self.units.extend(self.goods.totes.pop((self.warehouse, tote), []))
            self.tote = tote
        elif answer.verdict.code == "tote_empty" and self.went_back():
            for unit in self.goods.totes.pop((self.warehouse, tote), []):
                self.goods.put(self.warehouse, self.goods.bins(unit.sku)[0], unit)

    def _box_back(self, waybill: str, answer: ScanAnswer) -> None:
        key = self.warehouse, waybill
        if answer.verdict.accepted:
            self.units.extend(self.goods.boxes.pop(key, []))
            self.box = waybill
        elif answer.verdict.code == "parcel_packed":
            self.goods.docks[self.warehouse].append(waybill)
        elif answer.verdict.code == PAST_MISSING or not self.went_back():
            self.goods.returns[self.warehouse].append(waybill)

    # Units

    def _scan_out(self, state: BenchState) -> bool:
        unit = self._next_unit(state)
        if unit is None:
            return self.scan("BC:ASIDE")
        if self.wrong():
            return self._mistake()
        product = self.goods.products[unit.sku]
        if product.serial_policy == "none":
            return self.scan(product.gtin)
        if product.serial_policy == "full":
            return self.scan(unit.serial, lambda answer: self._odd(unit, answer))
        if state.what_next()[0] == "scan_product" or (state.job.named_sku not in {"", unit.sku}):
            return self.scan(product.gtin)
        return self.scan(unit.serial)

    def _odd(self, unit: Unit, answer: ScanAnswer) -> None:
        """A number that is refused again and again: the books think it elsewhere; lay it apart."""
        if answer.verdict.code != "wrong_unit":
            return
        self.odd[unit.serial] += 1
        if self.odd[unit.serial] >= REFUSALS_TAKEN and unit in self.units:
            self.units.remove(unit)
            self.goods.put(self.warehouse, RACK, unit)

    def _next_unit(self, state: BenchState) -> Unit | None:
        """Return a thing on the bench that was not scanned out yet."""
        parcel = state.the_parcel()
        rows = parcels.serials_of(self.edge.sql, parcel.parcel_id)
        ticked = {row.serial for row in rows if row.packed}
        left: Counter[str] = Counter()
        for line, _ in state.lines():
            left[line.sku] += line.picked - line.packed
        for unit in self.units:
            if left[unit.sku] > 0 and unit.serial not in ticked:
                return unit
        return None

    def _mistake(self) -> bool:
        """Scan a wrong thing. A number nobody knows would pass as new where numbers are new."""
        texts = ["A01-1", "BC:ASIDE", "BC:REOPEN", "BC:REPRINT:spoiled"]
        texts += [product.gtin for product in self.goods.products.values()]
        known = self.edge.sql.execute(
            "SELECT serial FROM serials JOIN products USING (sku) WHERE serial_policy = 'full'"
            " ORDER BY serial"
        ).fetchall()
        texts += [str(self.dice.choice(known)["serial"])] * 3 if known else []
        return self.scan(self.dice.choice(texts))

    # Weight and label

    def _weigh(self, state: BenchState) -> bool:
        """Put the box on the scale; the scale announces the load, not a person."""
        self.placement += 1
        grams = CARTON_GRAMS + sum(
            self.goods.products[unit.sku].unit_weight_grams for unit in self.units
        )
        if self.wrong():
            grams += self.dice.choice((-grams // 2, 3_000))
        number = f"{self.edge.machine}/{self.station}/{self.placement}"
        load = Load(number, self.edge.site.bench(self.station).scale, grams, f"{grams} g")
        drawn = print_label.draw(
            self.edge.sql,
            state.the_parcel().parcel_id,
            site=self.edge.site,
            station=self.station,
        )
        self.edge.use(
            self.badge,
            lambda floor: weigh.settled(floor, bench_name=self.station, load=load, drawn=drawn),
        )
        return True

    def _label(self, state: BenchState) -> bool:
        self.tote = ""
        waybill = state.the_parcel().waybill
        self.box = self.box or waybill
        if self.box != waybill:  # the screen is about a box of a past that these books remember
            self._clear_to_box()
            return False
        label = state.label
        if label is None or label.state != "confirmed":
            return False
        if self.wrong():
            others = [key[1] for key in sorted(self.goods.boxes)] or ["BC:REPRINT:spoiled"]
            return self.scan(self.dice.choice(others))
        if not any(printer.has(waybill) for printer in self.edge.printers.values()):
            self.world.violation(
                "I14", f"{self.warehouse}: {waybill} proven, but no label came out"
            )
        return self.scan(waybill, lambda answer: self._closed(waybill, answer))

    def _closed(self, waybill: str, answer: ScanAnswer) -> None:
        if answer.verdict.accepted:
            self._close(waybill)
            self.goods.docks[self.warehouse].append(waybill)

    def _close(self, waybill: str) -> None:
        self.goods.boxes.setdefault((self.warehouse, waybill), []).extend(self.units)
        self.units.clear()
        self.box = ""

    # Red, amber and violet screens

    def _halted(self, state: BenchState, code: str) -> bool:
        if code == "refund":
            return self._to_rack()
        if code == "print_unknown":
            waybill = state.the_parcel().waybill
            if any(printer.has(waybill) for printer in self.edge.printers.values()):
                return self.scan(waybill, lambda answer: self._closed(waybill, answer))
            return self.scan("BC:REPRINT:missing")
        if code == "print_failed":
            return self.scan("BC:REPRINT:missing")
        if code == "waybill_pending":
            return self.scan("BC:SHELF")
        if code == "waybill_ready":
            return self.scan("BC:LABEL")
        if code in {"too_heavy", "too_light"}:
            return self.scan(self.dice.choice(("BC:PACKING", "BC:REOPEN", "BC:PASS:BDG-0001:seen")))
        return False

    def _to_rack(self) -> bool:
        """Lay everything on the refund rack, then scan the rack."""
        laid = list(self.units)
        for unit in laid:
            self.goods.put(self.warehouse, RACK, unit)
        self.units.clear()
        return self.scan(RACK, lambda answer: self._racked(laid, answer))

    def _racked(self, laid: list[Unit], answer: ScanAnswer) -> None:
        if answer.verdict.code == "refund_done":
            self.tote = self.box = ""
            return
        for unit in laid:
            self.goods.shelves[self.warehouse, RACK].remove(unit)
            self.units.append(unit)
