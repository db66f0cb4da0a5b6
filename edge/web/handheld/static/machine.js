/* The pick job as the handheld knows it: pure, so that it works in a dead spot and under test.

   The picker works on a downloaded list. `step` mirrors the edge's rules (edge/services/pick.py) on
   that download: which bin, which unit, into which tote. It decides at once and the edge decides
   again when the scan arrives; settle.js compares the two. What only the edge can know (who a badge
   is, which list is free, whether a cart is empty) is `waiting` until the answer comes.

   A state is `{base, now}`: `base` is the station as downloaded and never changed, `now` is small
   and stored with every scan. */

import { gtin14, read } from "./barcode.js";

export const TROUBLES_MAX = 100;
export const LANGUAGES = ["zh-CN", "en"];

const FRESH = {
  step: "badge", stop_no: null, bin: "", picked: {}, short: {}, taken: {},
  shown: null, waiting: null, last: null, newest: null, started_ms: null, done_ms: null,
};
const lineKey = (stop, line) => `${stop.stop_no}/${line.parcel_id}/${line.line_no}`;
const stopsOf = (state) => state.base.pick_list?.stops ?? [];

/** Return the state for a station as the edge tells it; keep what only this device knows. */
export function fromStation(base, before = null) {
  const list = base.pick_list;
  const isSame = Boolean(list) && before?.base.pick_list?.pick_list === list.pick_list;
  const own = isSame ? before.now : FRESH;
  const here = list?.stops.find((stop) => stop.stop_no === base.stop_no);
  return {
    base,
    now: {
      ...FRESH,
      step: base.step,
      stop_no: base.stop_no,
      bin: base.bin_scanned && here ? here.bin : "",
      taken: own.taken,
      last: own.last,
      started_ms: own.started_ms,
      done_ms: own.done_ms,
      newest: before?.now.newest ?? null,
      shown: before?.now.shown ?? null,
    },
  };
}

/** Return how many units of a pick line lie in its tote. */
export const pickedOf = (state, stop, line) =>
  line.picked + (state.now.picked[lineKey(stop, line)] ?? 0);

/** Return how many units a pick line still needs. */
export const needOf = (state, stop, line) =>
  line.quantity - (line.short ?? 0) - pickedOf(state, stop, line);

/** Return how many units of a stop are done and how many are still to find. */
export function countsOf(state, stop) {
  const picked = stop.lines.reduce((sum, line) => sum + pickedOf(state, stop, line), 0);
  const short = stop.short + (state.now.short[stop.stop_no] ?? 0);
  return { picked, short, left: stop.quantity - picked - short };
}

/** Return units picked, short and wanted over the whole list. */
export function totalsOf(state) {
  const all = { picked: 0, short: 0, units: 0 };
  for (const stop of stopsOf(state)) {
    const { picked, short } = countsOf(state, stop);
    all.picked += picked;
    all.short += short;
    all.units += stop.quantity;
  }
  return all;
}

/** Return the stop the picker is at or walks to, or null. */
export const currentStop = (state) =>
  stopsOf(state).find((stop) => stop.stop_no === state.now.stop_no) ?? null;

/** Return the first other stop that still has units to find, or null. */
export const stopAfter = (state) => stopsOf(state).find((stop) =>
  stop.stop_no !== state.now.stop_no && countsOf(state, stop).left > 0) ?? null;

/** Return the pick line whose tote gets the next unit of `stop`: the lowest slot in need. */
export const lineInNeed = (state, stop) => [...stop.lines]
  .sort((a, b) => a.slot - b.slot || a.line_no - b.line_no)
  .find((line) => needOf(state, stop, line) > 0) ?? null;

const say = (accepted, code, signal, params = {}, more = {}) =>
  ({ accepted, code, signal, params, ...more });
const refuse = (state, signal, code, params = {}) =>
  ({ state, effects: ["send"], verdict: say(false, code, signal, params) });

const stopOfSerial = (state, serial) =>
  stopsOf(state).find((stop) => stop.expected_serials?.includes(serial)) ?? null;
const stopOfProduct = (state, found) => stopsOf(state).find((stop) =>
  (found.gtin && gtin14(stop.gtin) === gtin14(found.gtin)) || stop.sku === found.exact) ?? null;

const isKnown = (state, found) => Boolean(stopOfSerial(state, found.serial)
  || state.now.taken[found.serial] || stopOfProduct(state, found));

const fitsHint = (hint, serial) => serial !== ""
  && (!hint?.length || serial.length === hint.length) && serial.startsWith(hint?.prefix ?? "");

/** Go to the next stop with work, or to the end of the list. */
function moveOn(state, atMs) {
  const here = currentStop(state);
  if (here && countsOf(state, here).left > 0) return state;
  const next = stopAfter(state);
  const place = next
    ? { step: next.bin === state.now.bin ? "unit" : "bin", stop_no: next.stop_no }
    : { step: "done", stop_no: null, done_ms: atMs };
  return { ...state, now: { ...state.now, ...place } };
}

/** Put one unit into the tote in need and say so in green. */
function take(state, stop, found, scan, unsure = false) {
  const line = lineInNeed(state, stop);
  const before = countsOf(state, stop);
  const key = lineKey(stop, line);
  const isSerial = stop.serial_policy === "full";
  const code = isSerial ? found.serial : found.exact;
  const unit = { slot: line.slot, at_ms: scan.at_ms, op_id: scan.op_id, sku: stop.sku };
  const now = {
    ...state.now,
    picked: { ...state.now.picked, [key]: (state.now.picked[key] ?? 0) + 1 },
    taken: isSerial ? { ...state.now.taken, [code]: unit } : state.now.taken,
    last: { code, slot: line.slot, at_ms: scan.at_ms },
  };
  const params = {
    slot: line.slot, tote: line.tote, unit: before.picked + 1,
    units: stop.quantity - before.short, code, bin: stop.bin,
  };
  return {
    state: moveOn({ ...state, now }, scan.at_ms),
    effects: ["send"],
    verdict: say(true, "picked", "right", params, { unsure }),
  };
}

/** Another product. What this download does not know at all, the edge may know better. */
function wrongUnit(state, stop, found) {
  const sku = (stopOfSerial(state, found.serial) ?? stopOfProduct(state, found))?.sku
    ?? state.now.taken[found.serial]?.sku;
  const other = stopsOf(state).find((each) => each.sku === sku && sku !== stop.sku);
  const refused = refuse(state, "stop", "wrong_sku", {
    expected: stop.name,
    prefix: stop.serial_policy === "full" ? stop.serial_hint?.prefix ?? "" : "",
    got: other?.name ?? "",
    code: found.serial || found.exact,
  });
  return { ...refused, verdict: { ...refused.verdict, unsure: !other } };
}

/** A stop whose SKU is taken by serial number: any good unit of the SKU will do. */
function scanSerial(state, stop, found, scan) {
  const { serial } = found;
  const seen = state.now.taken[serial];
  if (seen?.sku === stop.sku) {
    return refuse(state, "attention", "sn_already_picked",
      { code: serial, slot: seen.slot, since_ms: scan.at_ms - seen.at_ms });
  }
  const home = stopOfSerial(state, serial);
  if (home) {
    return home.sku === stop.sku
      ? take(state, stop, found, scan) : wrongUnit(state, stop, found);
  }
  const product = stopOfProduct(state, found);
  if (seen) return wrongUnit(state, stop, found);
  if (product?.sku === stop.sku) {
    return refuse(state, "attention", "sn_instead", { code: found.exact });
  }
  if (product || !fitsHint(stop.serial_hint, serial)) return wrongUnit(state, stop, found);
  return take(state, stop, found, scan, true);
}

function scanUnit(state, stop, found, scan) {
  if (found.text === stop.bin.toUpperCase()) return binRight(state, stop);
  const isPlace = ["bin", "cart", "tote"].includes(found.kind) && !isKnown(state, found);
  if (isPlace) return wrongPlace(state, found);
  if (stop.serial_policy === "full") return scanSerial(state, stop, found, scan);
  return stopOfProduct(state, found)?.sku === stop.sku
    ? take(state, stop, found, scan) : wrongUnit(state, stop, found);
}

const binRight = (state, stop) => ({
  state: { ...state, now: { ...state.now, step: "unit", bin: stop.bin } },
  effects: ["send"],
  verdict: say(true, "bin_right", "right", { bin: stop.bin }, { quiet: true }),
});

function wrongPlace(state, found) {
  const { bin } = currentStop(state);
  const params = { bin, got: found.text };
  if (found.kind === "bin") return refuse(state, "attention", "wrong_bin", params);
  const code = ["cart", "tote"].includes(found.kind) ? "no_tote_now" : "bin_first";
  return refuse(state, "attention", code, params);
}

/** Take `count` units off this stop because they are not there. */
function short(state, stop, count, scan) {
  const { left, short: already } = countsOf(state, stop);
  if (!(count >= 1 && count <= left)) {
    return refuse(state, "attention", "short_count", { left, got: count });
  }
  const { stop_no: key } = stop;
  const own = (state.now.short[key] ?? 0) + count;
  const now = { ...state.now, short: { ...state.now.short, [key]: own } };
  return {
    state: moveOn({ ...state, now }, scan.at_ms),
    effects: ["send"],
    verdict: say(true, "short_noted", "right",
      { missing: already + count, bin: stop.bin }, { quiet: true }),
  };
}

/** Only the edge can answer this scan; the page waits for it. */
const waitForEdge = (state, scan, found) => ({
  state: { ...state, now: { ...state.now, waiting: { op_id: scan.op_id, kind: found.kind } } },
  effects: ["send"],
  verdict: say(null, "asked", "none"),
});

/** The person's own language: kept at the edge, and switched here without waiting for it. */
function speak(state, wanted) {
  const language = LANGUAGES.find((each) => each.toUpperCase() === wanted);
  if (!language) return refuse(state, "attention", "language_unknown", { text: wanted });
  return {
    state,
    effects: [...(state.base.person ? ["send"] : []), `language:${language}`],
    verdict: say(true, "language_set", "none", {}, { quiet: true }),
  };
}

function command(state, found, scan) {
  const [, word, value] = found.text.split(":");
  const stop = currentStop(state);
  if (word === "LANG") return speak(state, value);
  if (state.now.step === "badge") return refuse(state, "attention", "badge_first");
  if (word === "SHORT" && state.now.step === "unit") return short(state, stop, Number(value), scan);
  if (word === "SHORT" && stop) {
    return refuse(state, "attention", "bin_first", { bin: stop.bin, got: "" });
  }
  return waitForEdge(state, scan, found);
}

function decide(state, found, scan) {
  const { step } = state.now;
  const stop = currentStop(state);
  if (found.kind === "command") return command(state, found, scan);
  if (found.kind === "badge") return waitForEdge(state, scan, found);
  if (step === "badge") return refuse(state, "attention", "badge_first", { text: found.exact });
  if (found.half && !isKnown(state, found)) {
    return refuse(state, "attention", "read_doubled", { text: found.half });
  }
  if (found.kind === "list") return waitForEdge(state, scan, found);
  if (step === "bin") {
    return found.text === stop.bin.toUpperCase() ? binRight(state, stop) : wrongPlace(state, found);
  }
  if (step === "unit") return scanUnit(state, stop, found, scan);
  if (step === "cart") {
    return found.kind === "cart" ? waitForEdge(state, scan, found)
      : refuse(state, "attention", "cart_first", { text: found.exact });
  }
  const code = step === "home" ? "no_list" : "nothing_to_pick";
  return refuse(state, "attention", code, { text: found.exact });
}

/** Apply one scan `{op_id, raw, at_ms}`: `{state, effects, verdict}`.

    `effects` has `send` when the edge must hear of it. `verdict` is `{accepted, code, signal,
    params}`; accepted is null when only the edge can tell, `unsure` when the edge knows better. */
export function step(state, scan) {
  const { shown, waiting } = state.now;
  if (waiting) {
    return { state, effects: [], verdict: say(false, "wait_answer", "attention") };
  }
  const result = decide(state, read(scan.raw), scan);
  if (shown?.signal === "stop" && result.verdict.accepted !== true) {
    const effects = result.verdict.code === shown.code ? result.effects : [];
    return { state, effects, verdict: { ...shown, repeated: true } };
  }
  const { verdict } = result;
  const notice = verdict.accepted === false ? { ...verdict, op_id: scan.op_id } : null;
  const now = { ...result.state.now, shown: notice, newest: scan.op_id };
  return { ...result, state: { ...result.state, now } };
}

/** Return the state after a person put a full-screen message away. */
export const dismiss = (state) => ({ ...state, now: { ...state.now, shown: null } });
