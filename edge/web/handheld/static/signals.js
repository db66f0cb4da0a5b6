/* What takes the whole screen: green for a moment, amber until the next scan, red until it is put
   right; and the few pages a picker opens on purpose (something is wrong, short, type a code). */

import { code, h, icon, scanned, sep } from "./dom.js";
import { countsOf, currentStop, totalsOf } from "./machine.js";
import { has, rich, span, t, width } from "./text.js";
import { bar, button, start } from "./view.js";

const TITLE_LONG = 9;
const NAME_LONG = 9;
const SHAPE = { attention: "attention", stop: "stop" };

/** Return what the bar says: the bin and how far the list is. */
function job({ state, flash }) {
  const list = state.base.pick_list;
  if (!list) return [state.base.station];
  const { picked, units } = totalsOf(state);
  const { bin, done, all } = flash
    ?? { bin: currentStop(state)?.bin ?? list.wave, done: picked, all: units };
  return [bin, sep(), t("hand.done_of", { done, all })];
}

const full = (kind, model, ...inner) => [
  h("div", { class: `full ${kind}`, role: "alert", "data-at": model.flash?.at_ms },
    bar(model, ...job(model)),
    h("div", { class: `inner${kind === "ok" ? " mid" : ""}` }, ...inner)),
];

/** The unit is kept on this device: put it into this tote. */
export function accepted(model) {
  const { slot, unit, units, code: text } = model.flash;
  return full("ok", model, icon("ok", "big"),
    h("h1", null, t("hand.put_into", { slot })),
    h("div", { class: "plate slot" }, String(slot)),
    h("p", { class: "lead" }, t("hand.unit_of", { n: unit, all: units })),
    h("p", null, scanned(text)));
}

const PAIRS = {
  wrong_sku: (p) => [
    ["hand.expected", name(p.expected ?? p.sku), ...(p.prefix
      ? [...rich("hand.starts", { prefix: code(start(p.prefix)) })] : [])],
    ["hand.got", ...(p.got ? [name(p.got)] : []), scanned(String(p.code))],
  ],
  sn_already_picked: (p) => [
    ["hand.sn", scanned(String(p.code))],
    ["hand.is_in", p.since_ms === undefined
      ? code(p.place ?? "")
      : t("hand.tote_ago", { slot: p.slot, ago: span(p.since_ms) })],
  ],
  wrong_bin: (p) => [["hand.expected", code(p.bin)], ["hand.got", code(p.got)]],
  counted: (p) => [["hand.sn", scanned(String(p.code))],
    ["hand.goes_into", t("hand.tote", { slot: p.slot })]],
  other_tote: (p) => [["hand.sn", scanned(String(p.code))],
    ["hand.goes_into", t("hand.tote", { slot: p.slot })],
    ["hand.now_in", t("hand.tote", { slot: p.said })]],
};
const name = (text) =>
  h("span", { class: `goods-name${width(String(text)) > NAME_LONG ? " long-text" : ""}` }, text);
const plainPairs = ({ code: text, got = text }) =>
  (got === undefined || got === "" ? [] : [["hand.got", scanned(String(got))]]);

/** Return the sentence that says what to do, in the page's language. */
export function advice(verdict) {
  const own = `hand.do.${verdict.code}`;
  if (has(own)) return t(own, verdict.params);
  if (verdict.message) return verdict.message;
  return has(verdict.code) ? t(verdict.code, verdict.params) : "";
}

const titleOf = (verdict) => {
  const key = `hand.title.${verdict.code}`;
  return t(has(key) ? key : `hand.title.${verdict.signal}`, verdict.params);
};

/** Red or amber: the finding, what was expected, what came, what to do. */
export function refused(model, act) {
  const { shown } = model.state.now;
  const title = titleOf(shown);
  const pairs = (PAIRS[shown.code] ?? plainPairs)(shown.params);
  return full(shown.signal, model,
    h("div", { class: "head" }, icon(SHAPE[shown.signal]),
      h("h1", { class: width(title) > TITLE_LONG ? "long" : null }, title)),
    pairs.length ? h("div", { class: "pair" }, pairs.flatMap(([label, ...value]) =>
      [h("span", null, t(label)), h("b", null, ...value)])) : null,
    h("p", { class: "lead fill" }, ...lines(advice(shown))),
    button(shown.signal === "stop" ? "hand.ok_scan_again" : "hand.ok", "dismiss", act,
      { kind: "main" }),
    shown.signal === "stop" && model.state.now.step === "unit"
      ? button("hand.problem", "menu", act, { icon: "flag" }) : null);
}

const lines = (text) => text.split("\n").flatMap((line, i) => (i ? [h("br"), line] : [line]));

/** Scans that were green here and that the edge refused later. */
export function troubles(model, act) {
  const { length } = model.troubles;
  return full("stop", model,
    h("div", { class: "head" }, icon("stop"),
      h("h1", { class: "long" }, t("hand.late_title", { n: length }))),
    h("p", null, t("hand.late_note")),
    h("div", { class: "list" }, model.troubles.map((trouble) => h("div", null,
      scanned(String(trouble.params.code)), h("br"), advice(trouble)))),
    button("hand.late_ok", "troubles", act, { kind: "main" }));
}

/** What a picker can do when the screen's plan does not fit the shelf. */
export function menu(model, act) {
  const { state } = model;
  const atBin = state.now.step === "unit";
  const { picked, short } = totalsOf(state);
  const isBegun = picked + short > 0;
  return [
    bar(model, ...job(model)),
    h("div", { class: "hbody" }, h("h1", null, t("hand.problem_title")),
      h("p", { class: "soft" }, t(atBin ? "hand.problem_note" : "hand.short_first_bin")),
      isBegun ? h("p", { class: "soft" }, t("hand.begun")) : null),
    h("div", { class: "acts stack" },
      button("hand.not_enough", "short", act, { kind: "main", disabled: !atBin }),
      button("hand.leave_list", "leave", act, { icon: "back", disabled: isBegun }),
      h("div", { class: "trio" },
        button(model.night ? "hand.day" : "hand.night", "theme", act, { kind: "pair2" }),
        button("hand.other_language", "language", act, { kind: "pair2" }),
        button("hand.close", "close", act, { kind: "pair2" }))),
  ];
}

/** Leaving a list half picked: says what happens before it happens. */
export function leave(model, act) {
  return [
    bar(model, ...job(model)),
    h("div", { class: "hbody" }, h("h1", null, t("hand.leave_title")),
      h("div", { class: "note" }, t("hand.leave_note"))),
    h("div", { class: "acts stack" },
      button("hand.leave_stay", "close", act, { kind: "main" }),
      button("hand.leave_go", "scan", act, { value: "BC:BACK", icon: "back" })),
  ];
}

/** How many are there? The rest is missing. */
export function short(model, act) {
  const { state } = model;
  const stop = currentStop(state);
  const { picked, left } = countsOf(state, stop);
  const found = Math.min(Math.max(model.found, picked), picked + left);
  const missing = picked + left - found;
  return [
    bar(model, t("hand.short"), sep(), stop.bin),
    h("div", { class: "hbody" },
      h("h1", { class: "h40" }, t("hand.how_many")),
      h("p", { class: "soft" }, t("hand.on_record", { all: picked + left, done: picked })),
      h("div", { class: "step fill" },
        h("button", { type: "button", "aria-label": "-1", "data-act": "less",
          disabled: found <= picked, on: () => act("found", found - 1) }, "−"),
        h("b", { "data-found": found }, String(found)),
        h("button", { type: "button", "aria-label": "+1", "data-act": "more",
          disabled: found >= picked + left, on: () => act("found", found + 1) }, "+")),
      h("div", { class: "note" }, t(missing ? "hand.short_effect" : "hand.short_nothing",
        { n: missing }))),
    h("div", { class: "acts stack" },
      button("hand.short_confirm", "scan", act, { kind: "main", disabled: !missing,
        params: { n: missing }, value: `BC:SHORT:${missing}` }),
      button("hand.look_again", "close", act, { icon: "back" })),
  ];
}

/** A code that will not scan is typed, through the same door as a scan. */
export function typed(model, act) {
  const field = h("input", {
    id: "typed", name: "code", autocomplete: "off", autocapitalize: "characters",
    spellcheck: "false", "aria-label": t("hand.type_title"), maxlength: 64,
  });
  const form = h("form", { class: "typed" }, field);
  const submit = (event) => {
    event?.preventDefault();
    act("typed", field.value);
  };
  form.addEventListener("submit", submit);
  return [
    bar(model, ...job(model)),
    h("div", { class: "hbody" }, h("h1", null, t("hand.type_title")),
      h("p", { class: "soft" }, t("hand.type_note")), form),
    h("div", { class: "acts stack" },
      h("button", { class: "hbtn main", type: "button", "data-act": "typed", on: submit },
        h("span", null, t("hand.type_ok"))),
      button("hand.close", "close", act, { icon: "back" })),
  ];
}

/** Another tab of this handheld is in use. */
export const otherTab = (model, act) => [
  h("div", { class: "hbar" }, h("b", null, t("hand.other_tab_bar"))),
  h("div", { class: "hbody mid" }, icon("unknown", "huge"),
    h("h1", null, t("hand.other_tab")), h("p", { class: "soft" }, ...lines(t("hand.other_tab_note")))),
  h("div", { class: "acts stack" }, button("hand.use_here", "take", act, { kind: "main" })),
];

/** The device cannot keep a scan: nothing was counted, and nothing may be. */
export const broken = (model, act) => [
  h("div", { class: "full stop", role: "alert" }, h("div", { class: "inner" },
    h("div", { class: "head" }, icon("stop"), h("h1", { class: "long" }, t("hand.broken"))),
    h("p", { class: "lead fill" }, ...lines(t("hand.broken_note"))),
    button("hand.try_again", "reload", act, { kind: "main" }))),
];

/** Nothing was ever loaded and the edge does not answer. */
export const unreachable = (model, act) => [
  bar(model, model.station),
  h("div", { class: "hbody mid" }, icon("offline", "huge"),
    h("h1", null, t("hand.no_edge")), h("p", { class: "soft" }, t("hand.no_edge_note"))),
  h("div", { class: "acts stack" }, button("hand.try_again", "retry", act, { kind: "main" })),
];
