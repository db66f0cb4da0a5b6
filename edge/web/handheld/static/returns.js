/* The returns table: is this the unit we sold, what is it fit for, where does it go?

   Unlike picking this needs the books at every step, so without a network nothing is taken back: the
   page says so, keeps the same operation id and sends it again on one tap. A screen is a function of
   `model`; each action has one id, made before it is sent, so that a lost answer counts once. */

import { read } from "./barcode.js";
import { listen } from "./capture.js";
import { code, h, icon, scanned, sep } from "./dom.js";
import { signal } from "./sound.js";
import { clock, currentLanguage, setCatalogues, setLanguage, t } from "./text.js";

const GREEN_MS = 700;
const HERE = "/api/v1/returns";
const root = document.getElementById("hand");
const field = document.getElementById("wedge");
const fresh = { step: "unit", sold: null, line: null, grade: "", bin: "", halt: null, send: null };
let model = { ...fresh, badge: "", taken: 0, up: true };

/** Change the model and draw it. */
function set(changes) {
  model = { ...model, ...changes };
  draw();
}

/** Ask the edge; null when there is no network, which the bar then says. */
async function ask(path, body) {
  try {
    const answer = await fetch(path, body && {
      method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
    });
    const told = await answer.json();
    model.up = true;
    return { ok: answer.ok, told };
  } catch {
    set({ up: false });
    signal("attention");
    return null;
  }
}

/** Stop with a finding: `key` names its title and what to do. */
function halt(kind, key, params = {}) {
  signal(kind);
  set({ halt: { kind, key, params } });
}

// What a scan means at each step

const onScan = {
  badge: (scan) => (scan.kind === "badge"
    ? (signal("right"), set({ badge: scan.text, step: "unit" }))
    : halt("attention", "badge")),
  unit: (scan) => lookUp(scan),
  goods: (scan) => {
    const line = model.sold.lines.find((one) => one.sku === scan.exact
      || (scan.gtin && one.gtin.padStart(14, "0") === scan.gtin.padStart(14, "0")));
    if (!line) return halt("stop", "not_inside", { text: scan.exact });
    if (line.serial_policy !== "none") return halt("attention", "scan_number");
    if (line.returned >= line.sent) return halt("stop", "all_back", { n: line.sent });
    signal("right");
    return set({ line, step: "same" });
  },
  bin: (scan) => (scan.kind === "bin" ? send({ bin: scan.text }) : halt("attention", "bin")),
};

async function lookUp(scan) {
  const answer = await ask(`${HERE}/look-up?code=${encodeURIComponent(scan.serial || scan.exact)}`);
  if (!answer) return;
  const sold = answer.told;
  if (!answer.ok || sold.verdict === "unknown_here") halt("attention", "unknown", { text: scan.exact });
  else if (sold.verdict === "never_left") halt("stop", "never_left", { place: sold.place || sold.state });
  else if (sold.verdict === "back_before") halt("attention", "back_before", { place: sold.place });
  else {
    signal("right");
    set({ sold, line: null, step: sold.kind === "waybill" ? "goods" : "same" });
  }
}

/** Send what was decided, under one id however often it is tried. */
async function send(more) {
  const { sold, line, grade } = model;
  const what = sold.kind === "serial" ? { serial: sold.code } : { waybill: sold.code, sku: line.sku };
  const body = model.send ?? { op_id: crypto.randomUUID?.() ?? newId(), badge: model.badge, grade,
    ...what, ...more };
  model.send = body;
  const answer = await ask(HERE, body);
  if (!answer) return;
  model.send = null;
  if (!answer.ok) {
    halt("stop", "refused", { text: `${answer.told.detail ?? ""} ${answer.told.hint ?? ""}`.trim() });
  } else if (answer.told.result === "taken_back") {
    signal("right");
    set({ step: "taken", bin: answer.told.place, taken: model.taken + 1 });
    setTimeout(() => model.step === "taken" && model.grade === "good" && set(fresh), GREEN_MS);
  } else halt("stop", "decide");
}

/** A random id where the page is not served securely enough for `randomUUID`. */
function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

const taps = {
  language: () => {
    const next = currentLanguage() === "en" ? "zh-CN" : "en";
    document.cookie = `lang=${next}; path=/; max-age=31536000; samesite=lax`;
    document.documentElement.lang = next;
    setLanguage(next);
    draw();
  },
  yes: () => set({ step: "grade" }),
  other: () => { model.grade = "quarantine"; send({ same_unit: false }); },
  good: () => set({ grade: "good", step: "bin" }),
  quarantine: () => { model.grade = "quarantine"; send({}); },
  again: () => send({}),
  next: () => set(fresh),
  back: () => set({ halt: null, ...(model.halt?.key === "refused" ? fresh : {}) }),
  give_up: () => set({ ...fresh }),
};

// Screens

const button = (key, name, kind = "") => h("button",
  { class: `hbtn ${kind}`.trim(), type: "button", "data-act": name, on: taps[name] },
  h("span", null, t(key)));
const acts = (...buttons) => h("div", { class: "acts" }, ...buttons);
const stack = (...buttons) => h("div", { class: "acts stack" }, ...buttons);
const scanBox = (key) => h("div", { class: "ask" }, icon("scan"), h("span", null, t(key)));

function bar() {
  if (!model.up) {
    return h("div", { class: "hbar offline" }, h("b", null, t("hand.offline"), sep(),
      t("hand.ret_no_network")), h("span", { class: "sent", role: "status" }, icon("offline")));
  }
  return h("div", { class: "hbar" }, h("b", { class: "clip" }, t("hand.ret_title")),
    h("span", { class: "sent", role: "status" }, h("span", null, t("hand.ret_taken", { n: model.taken }))));
}

function facts() {
  const { sold, line } = model;
  const pair = (key, ...value) => h("div", null, h("span", null, t(key)), h("b", null, ...value));
  return [
    h("div", { class: "goods" }, h("h1", { class: "h34" }, line ? line.name : sold.name || sold.sku),
      h("p", null, line ? code(line.sku) : scanned(sold.code))),
    h("div", { class: "rows" },
      sold.order_no ? pair("hand.ret_order", scanned(sold.order_no)) : null,
      sold.waybill ? pair("hand.ret_waybill", scanned(sold.waybill)) : null,
      sold.shipped_ms ? pair("hand.ret_left", clock(sold.shipped_ms)) : null,
      line ? pair("hand.ret_back", `${line.returned} / ${line.sent}`) : null),
  ];
}

const screens = {
  badge: () => [bar(), h("div", { class: "hbody mid" }, icon("badge", "huge"),
    h("h1", null, t("hand.badge_title")), h("p", { class: "soft" }, t("hand.badge_note"))),
  scanBox("hand.scan_badge"), acts(button("hand.other_language", "language"))],
  unit: () => [bar(), h("div", { class: "hbody mid" }, icon("scan", "huge"),
    h("h1", null, t("hand.ret_what")), h("p", { class: "soft" }, t("hand.ret_what_note"))),
  scanBox("hand.ret_scan_unit"), acts(button("hand.other_language", "language"))],
  goods: () => [bar(), h("div", { class: "hbody" }, h("h1", { class: "h34" }, t("hand.ret_which")),
    h("div", { class: "rows flat" }, model.sold.lines.map((line) => h("div", null,
      h("span", { class: "clip" }, line.name), h("b", null, `${line.returned} / ${line.sent}`))))),
  scanBox("hand.ret_scan_goods"), acts(button("hand.close", "give_up"))],
  same: () => [bar(), h("div", { class: "hbody" }, h("h1", { class: "h40" }, t("hand.ret_same")), ...facts()),
    model.send ? stack(button("hand.ret_send_again", "again", "main")) : stack(
      button("hand.ret_yes", "yes", "main"), button("hand.ret_other", "other"),
      button("hand.close", "give_up"))],
  grade: () => [bar(), h("div", { class: "hbody" }, h("h1", { class: "h40" }, t("hand.ret_fit")), ...facts()),
    model.send ? stack(button("hand.ret_send_again", "again", "main")) : stack(
      button("hand.ret_good", "good", "main"), button("hand.ret_look", "quarantine"),
      button("hand.close", "give_up"))],
  bin: () => [bar(), h("div", { class: "hbody" }, h("h1", { class: "h40" }, t("hand.ret_put")), ...facts()),
    scanBox("hand.ret_scan_bin"),
    acts(model.send ? button("hand.ret_send_again", "again", "main") : button("hand.close", "give_up"))],
  taken: () => (model.grade === "good"
    ? [h("div", { class: "full ok" }, bar(), h("div", { class: "inner mid" }, icon("check", "big"),
      h("h1", null, t("hand.ret_done")), h("div", { class: "plate target m44" }, h("div", null, model.bin))))]
    : [bar(), h("div", { class: "hbody mid" }, h("h1", null, t("hand.ret_aside")),
      h("div", { class: "plate target m44" }, h("div", null, t("hand.ret_shelf"))),
      h("p", { class: "soft" }, t("hand.ret_aside_note"))), acts(button("hand.ret_next", "next", "main"))]),
};

function stopped({ kind, key, params }) {
  return [h("div", { class: `full ${kind}` }, bar(), h("div", { class: "inner" },
    h("div", { class: "head" }, icon(kind), h("h1", { class: "long" }, t(`hand.ret_title.${key}`))),
    h("p", { class: "lead" }, t(`hand.ret_do.${key}`, params)), h("div", { class: "fill" }),
    h("button", { class: "hbtn main", type: "button", "data-act": "back",
      on: key === "decide" ? taps.next : taps.back }, h("span", null, t("hand.ok")))))];
}

function draw() {
  const step = model.badge ? model.step : "badge";
  document.documentElement.dataset.step = model.halt ? model.halt.kind : step;
  root.replaceChildren(...(model.halt ? stopped(model.halt) : screens[step]()));
}

async function start() {
  const languages = ["zh-CN", "en"];
  const loaded = await Promise.all(languages.map(async (one) =>
    [one, await (await fetch(`/hand/messages.${one}.json`)).json()]));
  setCatalogues(Object.fromEntries(loaded));
  setLanguage(document.documentElement.lang);
  draw();
  listen(field, (text) => {
    const scan = read(text);
    if (model.halt?.kind === "stop" || model.send) return signal("stop");
    if (model.halt) model.halt = null;
    if (scan.kind === "badge") { signal("right"); return set({ ...fresh, badge: scan.text }); }
    const take = onScan[model.badge ? model.step : "badge"];
    return take ? take(scan) : halt("attention", "not_now");
  }, () => false);
}

start();
