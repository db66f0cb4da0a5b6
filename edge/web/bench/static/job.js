/* The left side of the bench: the four steps, the parcel's lines, or a halt in their place. */

import { clock, code, firstOf, grouped, has, html, icon, kg, numberOf, sep, span, t } from "./words.js";

const STEPS = ["tote", "scan_out", "weigh", "label"];
const CHIPS_MAX = 12;
const CHIPS_SHOWN = 4;
const SHAPES = { stop: "stop", attention: "attention", unknown: "unknown" };

const sum = (lines, field) => lines.reduce((total, line) => total + line[field], 0);

function stepEnd(step, state) {
  const { parcel, lines, scale } = state;
  if (!parcel) return "";
  if (step === "tote") return parcel.tote ? code(parcel.tote) : "";
  if (step === "scan_out") return `${sum(lines, "packed")} / ${sum(lines, "quantity")}`;
  const weight = state.weight_grams ?? (state.step === "label" ? scale?.grams : null);
  return step === "weigh" && weight ? `${kg(weight)} kg` : "";
}

/** Return the four steps with where we are. */
export function steps(state) {
  const at = STEPS.indexOf(state.step === "badge" ? "tote" : state.step);
  return STEPS.map((step, index) => {
    const look = index === at ? "now" : index < at ? "done" : "";
    return html`<li class="${look}" ${index === at ? html`aria-current="step"` : ""}>${
      look === "done" && icon("check")}<span>${index + 1}</span><span>${
      t(`bench.step.${step}`)}</span><span class="end">${
      index <= at ? stepEnd(step, state) : ""}</span></li>`;
  });
}

function done(serial) {
  return html`<span class="sn ${serial.fresh ? "fresh" : ""}">${icon("check")}${
    grouped(serial.serial)}</span>`;
}

function chips(line) {
  const scanned = line.serials.filter((serial) => serial.packed);
  const left = line.quantity - line.packed;
  const many = line.quantity > CHIPS_MAX;
  const shown = many ? scanned.slice(-CHIPS_SHOWN) : scanned;
  const hidden = scanned.length - shown.length;
  const later = left - (line.current ? 1 : 0);
  const waiting = many ? Math.min(later, 1) : later;
  return html`<div class="sns">${hidden > 0
    && html`<span class="sn">${icon("check")}${t("bench.scanned_before", { n: hidden })}</span>`}${
    shown.map(done)}${line.current && left > 0
    && html`<span class="sn want">${icon("scan")}<span>${t("bench.scan_this")}</span></span>`}${
    Array.from({ length: waiting }, () => html`<span class="sn later"><span>${
      many ? t("bench.to_scan_n", { n: later }) : t("bench.to_scan")}</span></span>`)}</div>`;
}

function item(line) {
  const all = line.packed >= line.quantity;
  const counted = line.serial_policy === "none";
  const look = all ? "all" : line.current ? "now" : "";
  return html`<article class="lineitem ${look}"><h2>${line.name}</h2>
    <div class="q">${line.packed}<small> / ${line.quantity}</small></div>
    <div class="quiet">${code(line.sku)}${counted && html`${sep}${t("bench.no_serial")}`}</div>
    ${!counted && chips(line)}</article>`;
}

function order(state) {
  const { parcel, now_ms: nowMs } = state;
  const left = parcel.cut_off_ms - nowMs;
  const when = left >= 0 ? t("bench.left", { span: span(left) })
    : t("bench.over", { span: span(-left) });
  const courier = firstOf([`bench.courier.${parcel.courier}`]) || parcel.courier_name;
  return html`<div class="who"><b>${channelName(parcel)}</b>${grouped(parcel.order_no)}<span class="quiet to">${
    parcel.to}</span><span class="by">${courier} ${
    clock(parcel.cut_off_ms, nowMs)}${sep}${when}</span></div>${parcel.remark
    && html`<div class="remark">${icon("attention")}<span>${
      t("bench.remark", { remark: parcel.remark })}</span></div>`}`;
}

function empty(state) {
  const badge = state.step === "badge";
  const [shape, title, text] = badge
    ? ["badge", "bench.badge", "bench.badge_why"] : ["box", "bench.idle", "bench.idle_how"];
  return html`<div class="empty">${icon(shape)}<h1>${t(title)}</h1><p>${t(text)}</p></div>`;
}

const channelName = ({ channel }) => firstOf([`bench.channel.${channel}`]) || channel;

const wantedNames = ({ lines }) =>
  lines.filter((line) => line.packed < line.quantity).slice(0, 1).map((line) => line.name);

/** Return the facts of a halt as pairs of (name, markup): expected first, then what came. */
function facts(state) {
  const { halt, scale, parcel, label } = state;
  const { params } = halt;
  const weight = ["too_heavy", "too_light"].includes(halt.code);
  const low = params.low_grams ?? scale?.low_grams;
  const grams = params.grams ?? scale?.grams;
  const pairs = [];
  if (weight && low !== undefined && low !== null) {
    const high = params.high_grams ?? scale?.high_grams;
    pairs.push(["expected", t("bench.fact.window", { low: kg(low), high: kg(high) })]);
  }
  if (weight && grams) pairs.push(["weighed", `${kg(grams)} kg`]);
  if (weight || halt.own) return pairs;
  const came = params.sn || params.got || params.sku;
  if (came) {
    const wanted = params.got ? [grouped(params.waybill)] : wantedNames(state);
    if (wanted.length) pairs.push(["expected", wanted]);
    return [...pairs, ["got", grouped(came)]];
  }
  if (parcel) pairs.push(["order", html`${channelName(parcel)} ${grouped(parcel.order_no)}`]);
  if (label?.printer) {
    const printer = [t("bench.printer_at", { n: numberOf(label.printer) })];
    if (label.trouble) printer.push(t(`bench.trouble.${label.trouble}`));
    pairs.push(["printer", printer.join(t("bench.comma"))]);
  }
  if (parcel?.waybill) pairs.push(["waybill", grouped(parcel.waybill)]);
  return pairs;
}

const words = (state) => ({
  ...state.halt.params,
  at: state.halt.params.at_ms ? clock(state.halt.params.at_ms, state.now_ms) : "",
  cause_text: firstOf([`bench.cause.${state.halt.params.cause}`, "bench.cause.other"]),
  cause_units: Math.abs(state.halt.params.cause_units ?? 0),
  courier: firstOf([`bench.courier.${state.halt.params.courier}`]) || state.halt.params.courier,
  n: numberOf(state.label?.printer ?? ""),
  media: (state.label?.media ?? "").replace("x", " × "),
  copy: (state.label?.copy_no ?? 1) + 1,
  units: sum(state.lines, "quantity"),
});

function way(choice, first, common) {
  const params = { ...common, ...choice.params };
  const note = `bench.${choice.code}.note`;
  const press = choice.act ? html`data-act="${choice.act}"` : html`data-raw="${choice.raw}"`;
  return html`<button type="button" class="way ${first ? "main" : ""}" ${press}
    ${choice.key ? html`data-key="${choice.key}"` : ""}><span>${
    firstOf([`bench.${choice.code}`, choice.code], params) || choice.code}</span><span class="note">${
    has(note) && html`<span>${t(note, params)}</span>`}${
    choice.key && html`<kbd>${choice.key}</kbd>`}</span></button>`;
}

/** Return the halt's panel. `choices` are its ways out, the first one the best. */
export function haltPanel(state, choices) {
  const { halt } = state;
  const params = words(state);
  const title = firstOf([`bench.halt.${halt.code}`, halt.code], params) || t("bench.halt.other");
  const todo = firstOf([
    params.likely ? `bench.todo.${halt.code}.likely` : "", `bench.todo.${halt.code}`,
    "bench.todo.other",
  ], params);
  const pairs = facts(state);
  return html`<section class="halt ${halt.kind}" role="alert"><h1>${icon(SHAPES[halt.kind])}<span>${
    title}</span></h1>${pairs.length > 0 && html`<dl>${pairs.map(([name, value]) =>
    html`<dt>${t(`bench.fact.${name}`)}</dt><dd>${value}</dd>`)}</dl>`}
    <p class="todo">${todo}</p>
    <div class="ways">${choices.map((choice, at) =>
      way(choice, at === 0 && halt.kind !== "attention" && !halt.own, params))}</div></section>`;
}

/** Return the job's panel when nothing is in the way. */
export function jobPanel(state) {
  if (!state.parcel) return empty(state);
  return html`${order(state)}${state.lines.map(item)}`;
}
