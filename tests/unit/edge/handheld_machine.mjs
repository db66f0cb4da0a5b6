// The pick job of the handheld under node: pure decisions, no browser. Run by
// test_handheld_machine.py; each test prints a line of its own.

import assert from "node:assert/strict";
import { test } from "node:test";

const code = new URL("../../../edge/web/handheld/static/", import.meta.url);
const { read } = await import(new URL("barcode.js", code));
const { clean, debounce } = await import(new URL("capture.js", code));
const { legMillimetres } = await import(new URL("map.js", code));
const m = await import(new URL("machine.js", code));
const { settle } = await import(new URL("settle.js", code));
const { uuid7 } = await import(new URL("store.js", code));

const WHITE = ["7B01", "7B02", "7B03", "7B04"];

function line(slot, quantity = 1, more = {}) {
  return {
    parcel_id: `P${slot}`, line_no: 1, slot, tote: `C04-0${slot}`, quantity, picked: 0, short: 0,
    ...more,
  };
}

function stop(number, bin, sku, more) {
  const lines = more.lines ?? [line(1)];
  return {
    stop_no: number, bin, sku, name: `name of ${sku}`, gtin: "", serial_policy: "full", picked: 0,
    quantity: lines.reduce((sum, each) => sum + each.quantity, 0), short: 0, aisle: 0, x_cell: 0,
    serial_hint: { length: 4, prefix: "7B" }, expected_serials: [], lines, ...more,
  };
}

const STOPS = [
  stop(1, "B07-12-3", "WHITE", { expected_serials: WHITE, lines: [line(5), line(2, 2)] }),
  stop(2, "B07-12-3", "CABLE", { serial_policy: "none", gtin: "6901234567892" }),
  stop(3, "B09-04-1", "BLACK", { expected_serials: ["7C01"], lines: [line(5)] }),
];

function station(more = {}) {
  return {
    station: "handheld-07", person: { badge: "BDG-0007", name: "Wang", language: "zh-CN" },
    step: "unit", stop_no: 1, bin_scanned: true, open_lists: [],
    pick_list: { pick_list: "PL-1", wave: "W-1", stops: STOPS }, ...more,
  };
}

let clockMs = 1000;
function scan(state, raw) {
  clockMs += 1000;
  const made = { op_id: `op-${clockMs}`, raw, at_ms: clockMs };
  return { ...m.step(state, made), scan: made };
}

/** Scan one code after the other; return the last result. */
function walk(state, ...raws) {
  return raws.reduce((result, raw) => scan(result.state, raw), { state });
}

const start = (more) => m.fromStation(station(more));
const answer = (outcome, code, signal, params = {}) =>
  ({ outcome, code, signal, params, message: `edge says ${code}` });
const row = (result) => ({
  ...result.scan, accepted: result.verdict.accepted, slot: result.verdict.params.slot,
});

test("a unit goes into the lowest tote that still needs one, until its line is full", () => {
  const slots = [];
  let state = start();
  for (const serial of ["7B01", "7B02", "7B03"]) {
    const result = scan(state, serial);
    slots.push(result.verdict.params.slot);
    state = result.state;
  }
  assert.deepEqual(slots, [2, 2, 5]);
  assert.deepEqual(m.totalsOf(state), { picked: 3, short: 0, units: 5 });
});

test("a stop in the bin just scanned needs no second scan of the bin, another bin does", () => {
  const second = walk(start(), "7B01", "7B02", "7B03").state;
  assert.deepEqual([second.now.step, second.now.stop_no], ["unit", 2]);
  const third = walk(second, "6901234567892").state;
  assert.deepEqual([third.now.step, third.now.stop_no], ["bin", 3]);
});

test("the last unit ends the list", () => {
  const result = walk(start(), "7B01", "7B02", "7B03", "6901234567892", "B09-04-1", "7C01");
  assert.equal(result.state.now.step, "done");
  assert.equal(result.verdict.accepted, true);
});

test("a unit of another product stops red and changes nothing, the right one clears it", () => {
  const wrong = walk(start(), "7C01");
  assert.deepEqual(
    [wrong.verdict.code, wrong.verdict.signal, wrong.verdict.params.got, wrong.effects],
    ["wrong_sku", "stop", "name of BLACK", ["send"]],
  );
  assert.deepEqual(m.totalsOf(wrong.state).picked, 0);
  const right = walk(wrong.state, "7B01");
  assert.deepEqual([right.verdict.code, right.state.now.shown], ["picked", null]);
});

test("while it is red, another scan repeats the stop and is not even sent", () => {
  const wrong = walk(start(), "7C01");
  const other = walk(wrong.state, "B09-04-1");
  assert.deepEqual([other.effects, other.verdict.signal, other.verdict.code],
    [[], "stop", "wrong_sku"]);
  assert.deepEqual(other.state, wrong.state);
});

test("the same serial number twice is amber, names its tote and is counted once", () => {
  const twice = walk(start(), "7B01", "7B01");
  const { code: said, signal, params } = twice.verdict;
  assert.deepEqual([said, signal, params.slot, params.since_ms],
    ["sn_already_picked", "attention", 2, 1000]);
  assert.equal(m.totalsOf(twice.state).picked, 1);
});

test("a wrong bin is amber and leaves the picker where he was", () => {
  const before = start({ step: "bin", bin_scanned: false });
  const wrong = walk(before, "B09-04-1");
  assert.deepEqual([wrong.verdict.code, wrong.verdict.params],
    ["wrong_bin", { bin: "B07-12-3", got: "B09-04-1" }]);
  assert.equal(wrong.state.now.step, "bin");
  assert.equal(walk(wrong.state, "b07-12-3").state.now.step, "unit");
});

test("a short takes units off the stop and refuses a number that cannot be", () => {
  assert.equal(walk(start(), "BC:SHORT:4").verdict.code, "short_count");
  assert.equal(walk(start(), "BC:SHORT:0").verdict.code, "short_count");
  const some = walk(start(), "7B01", "BC:SHORT:1").state;
  assert.deepEqual(m.countsOf(some, STOPS[0]), { picked: 1, short: 1, left: 1 });
  assert.equal(walk(some, "BC:SHORT:1").state.now.stop_no, 2);
});

test("a barcode of the product is not its serial number", () => {
  const withGtin = station();
  withGtin.pick_list = {
    ...withGtin.pick_list, stops: [{ ...STOPS[0], gtin: "690123456789" }, ...STOPS.slice(1)],
  };
  assert.equal(walk(m.fromStation(withGtin), "690123456789").verdict.code, "sn_instead");
});

test("an unknown serial number of the right shape is taken, and marked as unsure", () => {
  const unsure = walk(start(), "7B99");
  assert.deepEqual([unsure.verdict.accepted, unsure.verdict.unsure], [true, true]);
  assert.equal(walk(start(), "7B999").verdict.accepted, false);
});

test("a scan that only the edge can answer blocks the next one until the answer", () => {
  const asked = walk(start({ step: "home", pick_list: null, stop_no: null }), "BC:PICK");
  assert.deepEqual([asked.verdict.accepted, asked.effects], [null, ["send"]]);
  assert.deepEqual(walk(asked.state, "BC:PICK").effects, []);
  const no = settle(asked.state, row(asked), answer("rejected", "no_list_open", "attention"));
  assert.deepEqual([no.state.now.waiting, no.state.now.shown.code], [null, "no_list_open"]);
});

test("nobody works without a badge", () => {
  const out = start({ step: "badge", person: null, pick_list: null, stop_no: null });
  assert.equal(walk(out, "7B01").verdict.code, "badge_first");
  assert.equal(walk(out, "BC:PICK").verdict.code, "badge_first");
  assert.deepEqual(walk(out, "BC:LANG:EN").effects, ["language:en"]);
});

test("a refusal of the newest scan turns the screen red, of an older one it is a trouble", () => {
  const first = walk(start(), "7B99");
  const refused = answer("rejected", "sn_unknown", "attention");
  const prompt = settle(first.state, row(first), refused);
  assert.deepEqual([prompt.trouble, prompt.state.now.shown.code], [null, "sn_unknown"]);
  assert.equal(prompt.state.now.taken["7B99"], undefined);
  const later = scan(first.state, "7B01");
  const late = settle(later.state, row(first), refused);
  assert.deepEqual([late.trouble.code, late.trouble.params.code], ["sn_unknown", "7B99"]);
});

test("a unit that the edge booked into another tote is a trouble, the same tote is none", () => {
  const first = walk(start(), "7B01");
  const same = settle(first.state, row(first), answer("accepted", "picked", "right", { slot: 2 }));
  assert.deepEqual([same.trouble, same.state.now.shown], [null, null]);
  const other = settle(first.state, row(first), answer("accepted", "picked", "right", { slot: 5 }));
  assert.deepEqual([other.state.now.shown.code, other.state.now.shown.params.slot],
    ["other_tote", 5]);
});

test("a repeated answer to a scan that counted is no refusal, to one that did not it is", () => {
  const first = walk(start(), "7B01");
  assert.equal(settle(first.state, row(first),
    answer("duplicate", "picked", "right", { slot: 2 })).state.now.shown, null);
  assert.equal(settle(first.state, row(first),
    answer("duplicate", "sn_shipped", "stop")).state.now.shown.code, "sn_shipped");
});

test("the edge's details complete a red screen and never turn it amber", () => {
  const wrong = walk(start(), "9X01");
  const told = settle(wrong.state, row(wrong),
    answer("rejected", "wrong_sku", "stop", { sku: "WHITE", got: "MOUSE" }));
  const { signal, params } = told.state.now.shown;
  assert.deepEqual([signal, params.got, params.expected], ["stop", "MOUSE", "name of WHITE"]);
});

test("a new download keeps what only this device knows", () => {
  const picked = walk(start(), "7B01").state;
  const stops = [{ ...STOPS[0], lines: [line(5), line(2, 2, { picked: 1 })] }, ...STOPS.slice(1)];
  const fresh = station();
  fresh.pick_list = { ...fresh.pick_list, stops };
  const after = m.fromStation(fresh, picked);
  assert.deepEqual(m.countsOf(after, stops[0]), { picked: 1, short: 0, left: 2 });
  assert.equal(walk(after, "7B01").verdict.code, "sn_already_picked");
});

test("codes are read as the edge reads them", () => {
  const gs1 = read("]d20106901234567892215SN9\x1d10LOT");
  assert.deepEqual([gs1.gtin, gs1.serial, gs1.kind], ["06901234567892", "5SN9", "code"]);
  assert.deepEqual(["bdg-0007", "c04", "C04-05", "B07-12-3", "PL-000012", "BC:PICK", "R-02", "7B01"]
    .map((raw) => read(raw).kind),
  ["badge", "cart", "tote", "bin", "list", "command", "bin", "code"]);
  assert.equal(read("ＢＤＧ-0007").text, "BDG-0007");
  assert.equal(read("SN0001SN0001").half, "SN0001");
});

test("a doubled read is refused unless it is a real number", () => {
  assert.equal(walk(start(), "7B017B01").verdict.code, "read_doubled");
});

test("the ends of a scan are cut, the group separator is kept", () => {
  assert.equal(clean(" \tSN１\x1d5\r\n"), "SN1\x1d5");
  assert.equal(clean("x".repeat(600)).length, 512);
});

test("the same code within half a second is one scan, another code or later is a new one", () => {
  const isNew = debounce();
  assert.deepEqual(
    [["A", 0], ["A", 400], ["B", 450], ["A", 480], ["A", 1100]].map((one) => isNew(...one)),
    [true, false, true, true, true],
  );
});

test("ids are UUIDs of version 7 and sort by time", () => {
  const ids = [1, 2, 70000, 1.7e12].map((ms) => uuid7(ms));
  for (const id of ids) {
    assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  }
  assert.deepEqual([...ids].sort(), ids);
});

test("the legs of a walk add up to the part of it that leads to the last bin", () => {
  const list = {
    layout: { aisles: ["A", "B"], cells_per_aisle: 10 }, walk_mm: 34000,
    path: [[0, 10], [0, 4], [0, 10], [1, 10], [1, 2], [1, 10], [0, 10]],
    stops: [{ aisle: 0, x_cell: 4 }, { aisle: 1, x_cell: 2 }],
  };
  assert.deepEqual([0, 1].map((i) => legMillimetres(list, i)), [6000, 17000]);
});
