/* What to do now: one scan or one decision, in the largest words, always in the same place. */

import { others } from "./choices.js";
import { firstOf, html, icon, t } from "./words.js";

const BUTTONS = {
  badge: [],
  tote: [
    { act: "printer", code: "printer", key: "F3" },
    { act: "reprint", code: "reprint", key: "F9" },
    { raw: "BC:OUT", code: "end_shift", key: "F10" },
  ],
  scan_out: [{ raw: "BC:ASIDE", code: "aside", key: "F6" }],
  weigh: [
    { act: "weight", code: "weight", key: "F7" },
    { raw: "BC:REOPEN", code: "rescan", key: "F4" }, { raw: "BC:ASIDE", code: "aside", key: "F6" },
  ],
  label: [{ act: "reprint", code: "reprint", key: "F9" }],
};
const WAITS = new Set(["weigh"]);
const NO_LABEL = new Set(["none", "waiting", "queued", "sending", "sent"]);

function asked(state) {
  const code = state.ask?.code ?? "";
  const line = state.lines?.find((candidate) => candidate.current);
  const left = line ? line.quantity - line.packed : 0;
  const params = { ...state.ask?.params, name: line?.name ?? "", n: left };
  const counted = state.step === "scan_out" && line?.serial_policy === "none";
  const own = counted ? "bench.do.scan_out_count" : `bench.do.${state.step}`;
  if (state.step === "weigh" && state.scale?.status === "unstable") return t("bench.weight_moving");
  return firstOf([`bench.ask.${code}`, own, code], params);
}

const useful = {
  reprint: (state) => state.step === "tote" || !NO_LABEL.has(state.label?.state ?? "none"),
  weight: (state) => state.scale?.state !== "up",
  printer: (state) => (state.printers ?? []).some((one) => one.used && (!one.own || one.state !== "up"))
    && others(state).length > 0,
};
const buttonsOf = (state) => BUTTONS[state.step].filter(({ act }) => useful[act]?.(state) ?? true);

function button({ raw, act, code, key }) {
  const press = act ? html`data-act="${act}"` : html`data-raw="${raw}"`;
  return html`<button type="button" class="btn" ${press} data-key="${key}"><span>${
    t(`bench.button.${code}`)}</span><kbd>${key}</kbd></button>`;
}

const type = () => html`<button type="button" class="btn small" data-act="type" data-key="F8" title="${
  t("bench.button.type")}" aria-label="${t("bench.button.type")}">${icon("keys")}</button>`;

function typing(what) {
  return html`<form id="typing">${icon("keys")}<input id="typed" name="typed" autocomplete="off" autocapitalize="off"
    spellcheck="false" maxlength="128" aria-label="${t(what)}" placeholder="${
    t(what)}"><span class="end"><button class="btn main">${t("bench.button.enter")}<kbd>Enter</kbd></button>
    <button type="button" class="btn" data-act="close">${t("bench.button.close")}<kbd>Esc</kbd></button></span></form>`;
}

function halted(state, choice) {
  const { code } = choice?.halt ?? state.halt;
  const scans = choice ? Boolean(choice.scanned) : Boolean(state.ask?.code);
  const text = firstOf([`bench.do.${code}`, `bench.do.halt.${code}`, "bench.do.halt"]);
  const kind = choice?.halt.kind ?? state.halt.kind;
  return html`${icon(scans ? "scan" : kind)}<span class="say">${text}</span>`;
}

/** Return the bar. `now` holds what this tab is doing: typing, an open choice, the last answer. */
export function doBar(state, now) {
  const bar = document.getElementById("do");
  bar.className = "do";
  if (now.typing) return typing(now.choice?.typed ? "bench.type_grams" : "bench.type_code");
  if (now.silent !== null) {
    bar.classList.add("offline");
    return html`${icon("offline")}<span class="say">${t("bench.do.silent")}<small>${
      t("bench.do.silent_since", { at: now.since })}</small></span>`;
  }
  if (state.halt || now.choice) {
    bar.classList.toggle("scan", !now.choice || Boolean(now.choice.scanned));
    return halted(state, now.choice);
  }
  const buttons = html`<span class="end">${buttonsOf(state).map(button)}${type()}</span>`;
  if (now.note) {
    bar.classList.add("attention");
    return html`${icon(now.note.signal === "stop" ? "stop" : "attention")}<span class="say">${
      now.note.text}<small>${asked(state)}</small></span>${buttons}`;
  }
  bar.classList.toggle("scan", !WAITS.has(state.step));
  return html`${icon(WAITS.has(state.step) ? "box" : "scan")}<span class="say">${
    asked(state)}</span>${buttons}`;
}
