/* The right side of the bench: the scale and the label. They stay in sight during a halt, because
   they are the evidence. */

import { clock, grouped, html, icon, kg, numberOf, t } from "./words.js";

const WIDTH = 380;
const WINDOW_FROM = 0.3;
const WINDOW_TO = 0.5;
const NEEDLE_MARGIN = 9;
const EMPTY_GRAMS = 2;

/** Return where `grams` stands on the track, in its units; beyond the ends it stays visible. */
export function needleAt(grams, low, high) {
  const perGram = ((WINDOW_TO - WINDOW_FROM) * WIDTH) / Math.max(1, high - low);
  const x = WINDOW_FROM * WIDTH + (grams - low) * perGram;
  return Math.round(Math.min(WIDTH - NEEDLE_MARGIN, Math.max(NEEDLE_MARGIN, x)));
}

function status(scale) {
  if (!scale || scale.state === "down") return ["offline", "offline", "bench.scale.down"];
  if (scale.status === "unstable") return ["ok", "", "bench.scale.settling"];
  if (scale.status === "overload") return ["stop", "stop", "bench.scale.overload"];
  if (scale.status === "underload") return ["attention", "attention", "bench.scale.underload"];
  if (scale.grams === null) return ["attention", "attention", "bench.scale.silent"];
  if (Math.abs(Number(scale.grams)) <= EMPTY_GRAMS) return ["ok", "ok", "bench.scale.zero"];
  return ["ok", "ok", "bench.scale.stable"];
}

function needle(scale, grams) {
  const { low_grams: low, high_grams: high } = scale;
  const from = Math.round(WINDOW_FROM * WIDTH);
  const to = Math.round(WINDOW_TO * WIDTH);
  const loaded = grams !== null && Math.abs(grams) > EMPTY_GRAMS;
  const moving = scale.status === "unstable";
  const out = grams < low || grams > high;
  const shade = moving ? "moving" : out ? "out" : "";
  const banded = low !== null && high !== null && low !== undefined;
  return html`<svg class="needle" viewBox="0 0 ${WIDTH} 82" aria-hidden="true">
    <rect class="track" x="0" y="26" width="${WIDTH}" height="16"/>
    ${banded && html`<rect class="window" x="${from}" y="20" width="${to - from}" height="28"/>
      <text x="${Math.round((from + to) / 2)}" y="70" text-anchor="middle">${
        t("bench.scale.expected", { low: kg(low), high: kg(high) })}</text>`}
    ${banded && loaded && html`<path class="mark ${shade}" d="M0 48l-9-18V6h18v24z" transform="translate(${
      needleAt(grams, low, high)},0)"/>`}
  </svg>`;
}

/** Return the scale's panel. */
export function scalePanel(scale) {
  if (!scale?.device) {
    return html`<div class="head"><span>${t("bench.scale_section")}</span></div>
      <div class="empty"><span>${t("bench.scale.none")}</span></div>`;
  }
  const [kind, shape, word] = status(scale);
  const known = scale.grams !== null && scale.grams !== undefined && scale.state !== "down";
  const grams = known ? Number(scale.grams) : null;
  const look = !known ? "none" : scale.status === "unstable" ? "moving" : "";
  return html`<div class="head"><span>${t("bench.scale.name", { n: numberOf(scale.device) })}</span>
      <span class="state ${kind}">${shape ? icon(shape) : "≈"} <span>${t(word)}</span></span></div>
    <div class="kg ${look}">${known ? kg(grams) : "-.---"}<small>kg</small></div>
    ${needle(scale, grams)}`;
}

const LABEL_STATES = {
  waiting: ["ok", ""], queued: ["ok", ""], sending: ["ok", ""], sent: ["ok", ""],
  confirmed: ["ok", "ok"], unknown: ["unknown", "unknown"], no_paper: ["attention", "attention"],
  failed: ["stop", "stop"], held: ["stop", "stop"], cancelled: ["stop", "stop"],
};

/** Return what the label is printed on: its paper, and the printer when it is not the bench's own. */
function paper(state, label) {
  const used = (state.printers ?? []).find((one) => one.used);
  const media = label?.media || used?.media || "";
  const size = media ? t("bench.label.size", { media: media.replace("x", " × ") })
    : t("bench.label.label");
  return used && !used.own
    ? html`${size}<i class="sep"></i><b>${t("bench.label.elsewhere", { n: numberOf(used.printer) })}</b>`
    : size;
}

function labelHead(state, label, nowMs) {
  const name = label?.state && label.state !== "none" ? label.state : null;
  const [kind, shape] = LABEL_STATES[name] ?? ["ok", ""];
  const at = label?.printed_ms ? clock(label.printed_ms, nowMs, true) : "";
  return html`<div class="head"><span>${paper(state, label)}</span>${name
    && html`<span class="state ${kind}">${shape && icon(shape)}<span>${
      t(`bench.label.${name}`, { at })}</span></span>`}</div>`;
}

function whyNoLabel(state) {
  if (state.halt?.code === "refund_requested" || state.halt?.code === "refund") return "bench.label.voided";
  if (["too_heavy", "too_light"].includes(state.halt?.code)) return "bench.label.not_passed";
  return state.parcel ? "bench.label.after_weight" : "bench.label.nothing";
}

/** Return the label's panel: its preview as it comes out of the printer, and what to compare. */
export function labelPanel(state) {
  const { label, now_ms: nowMs } = state;
  const there = label && label.state !== "none" && label.waybill;
  if (!there) {
    const held = state.halt?.code?.startsWith("refund") ? { state: "held" } : null;
    return html`${labelHead(state, held, nowMs)}<div class="empty"><span>${t(whyNoLabel(state))}</span></div>`;
  }
  const printer = [t("bench.label.printer_no", { n: numberOf(label.printer) })];
  if (label.trouble) printer.push(t(`bench.trouble.${label.trouble}`));
  return html`${labelHead(state, label, nowMs)}<div class="both ${label.preview_url ? "" : "alone"}">
    ${label.preview_url && html`<img class="paper" src="${label.preview_url}" alt="${t("bench.label.alt")}">`}
    <dl><dt>${t("bench.label.waybill")}</dt><dd>${grouped(label.waybill)}</dd>
      <dt>${t("bench.label.sort_code")}</dt><dd><b>${label.sort_code}</b></dd>
      <dt>${t("bench.label.printer")}</dt><dd>${printer.join(t("bench.comma"))}</dd>
      <dt>${t("bench.label.copy")}</dt><dd>${t("bench.label.copy_no", { n: label.copy_no })}</dd></dl>
  </div>`;
}

