/* Choices that need a second answer before they go to the edge: who lets it pass, and why.

   They never stand first in reach, state their effect, and end in one `BC:` code through the same
   door as every scan. */

import { uuid7 } from "../handheld/store.js";
import { numberOf, t } from "./words.js";

const PASS_REASONS = ["packing_differs", "gift_added", "master_data_wrong"];
const REPRINT_REASONS = ["missing", "spoiled"];
const KEYS = ["F1", "F2", "F3", "F4"];

const close = { act: "close", code: "way_back", key: "F10" };

const reasons = (prefix, words, at) => words.map((word, index) => ({
  raw: `${prefix}:${word}`, code: `reason.${word}`, key: KEYS[index + at],
}));

/** The lead's badge first, then the reason. */
function pass() {
  return {
    halt: { kind: "stop", code: "lead_badge", params: {}, own: true },
    ways: [close],
    scanned: (badge) => ({
      halt: { kind: "stop", code: "pass_reason", params: { badge }, own: true },
      ways: [...reasons(`BC:PASS:${badge}`, PASS_REASONS, 0), close],
    }),
  };
}

/** The scale is away: a lead answers for a weight that is typed. */
function weight() {
  const opId = uuid7();
  return {
    halt: { kind: "attention", code: "lead_badge_weight", params: {}, own: true },
    ways: [close],
    scanned: (badge) => ({
      halt: { kind: "attention", code: "type_weight", params: {}, own: true },
      ways: [close], badge, opId, typed: true,
    }),
  };
}

const RENUMBER = { raw: "BC:RENUMBER", code: "way_renumber", key: "F4" };

/** A further copy of the label is printed for a reason, and says so on its face. A label that
    certainly came out can only be replaced when it is spoiled. */
function reprint(state) {
  const proven = state.step === "tote" || state.label?.state === "confirmed";
  return {
    halt: { kind: "attention", code: "reprint_reason", params: {}, own: true },
    ways: [...reasons("BC:REPRINT", proven ? ["spoiled"] : REPRINT_REASONS, 0), RENUMBER, close],
  };
}

/** Another printer for this bench, from now on. */
function printer(state) {
  return {
    halt: { kind: "attention", code: "choose_printer", params: {}, own: true },
    ways: [...others(state).map((one, at) => ({
      raw: `BC:PRINTER:${one.printer}`, key: KEYS[at],
      code: one.own ? "way_own_printer" : "way_that_printer",
      params: { n: numberOf(one.printer), media: one.media.replace("x", " × "),
        how: one.state === "up" ? "" : t("bench.printer_not_up") },
    })), close],
  };
}

/** Return the printers to choose from, at most four, those that work first. */
export const others = (state) => (state.printers ?? []).filter((one) => !one.used)
  .sort((one, two) => (two.state === "up") - (one.state === "up")).slice(0, KEYS.length);

const MOVABLE = new Set(["printer_paper_out", "printer_trouble", "print_failed"]);
const OTHER = { act: "printer", code: "way_printer", key: "F7" };

const OPEN = { pass, reprint, weight, printer };

const PROOF = { act: "close", code: "way_scan_label", key: "" };
const SPOILED = { raw: "BC:REPRINT:spoiled", code: "way_reprint_spoiled", key: "F9" };

/** Return the ways to show: those of the open choice, else those of the edge's halt. */
export function choicesOf(state, choice) {
  if (choice) return choice.ways;
  const ways = (state.halt?.ways ?? []).map((way) =>
    (way.raw.startsWith("BC:PASS") ? { ...way, raw: "", act: "pass" } : way));
  if (state.halt?.code === "print_unknown") return [PROOF, ...ways, SPOILED];
  return MOVABLE.has(state.halt?.code) && others(state).length ? [...ways, OTHER] : ways;
}

/** A stop that only this scan caused: the edge changed nothing and waits for the right one.
    It stays until the button, or until a scan that is right. */
export function stopOf(answer) {
  return {
    halt: { kind: "stop", code: answer.code, params: answer.params ?? {} },
    ways: [{ act: "close", code: "way_go_on", key: "F1" }],
    scanned: (raw) => ({ raw, keep: true }),
    message: answer.message,
  };
}

/** Return the choice called `name`. */
choicesOf.open = (name, state) => OPEN[name](state);
