/* The handheld page: one scan after the other, stored first, then shown, then sent.

   A scan goes through `apply`: the pure machine decides, the store writes scan and new state in one
   transaction, and only then the picker sees, hears and feels the verdict. The sender works beside
   that and may be hours behind; `answered` compares the edge's answers with what was said here. */

import { listen, clean } from "./capture.js";
import {
  countsOf, currentStop, dismiss, fromStation, LANGUAGES, step, totalsOf, TROUBLES_MAX,
} from "./machine.js";
import { ask, Sender, Unreachable } from "./queue.js";
import { contradicts, settle } from "./settle.js";
import { signal, wake } from "./sound.js";
import { NotMine, open, uuid7 } from "./store.js";
import { currentLanguage, setCatalogues, setLanguage } from "./text.js";
import { job } from "./view.js";
import * as signals from "./signals.js";

const FLASH_MS = 300;
const LATE_MS = 400;
/** How long a scan that the edge knows better may wait for its answer before green. */
const UNSURE_MS = 80;
const POLL_MS = 10_000;
const LEASE_RENEW_MS = 2000;
const RETRY_WORDS_MS = 1000;

const page = document.documentElement;
const root = document.querySelector("#hand");
const wedge = document.querySelector("#wedge");

const keep = (key, value) => {
  try { localStorage.setItem(key, value); } catch { /* private mode: only the choice is lost */ }
  return value;
};
const kept = (key) => {
  try { return localStorage.getItem(key); } catch { return null; }
};

const asked = new URLSearchParams(location.search).get("station");
const station = keep("bincard.station",
  /^handheld-[\w]{1,16}$/.test(asked ?? "") ? asked : kept("bincard.station") ?? "handheld-01");
const deviceId = kept("bincard.device") ?? keep("bincard.device", `hand-${uuid7().slice(24)}`);

let store = null;
let sender = null;
let state = null;
let baseText = "";
let version = 0;
let made = 0;
let drawn = "";
let chain = Promise.resolve();
const waiters = new Map();
const model = {
  station, state: null, troubles: [], flash: null, screen: null, found: 0, late: false,
  broken: false, unsure: "", night: kept("bincard.theme") === "hand-night", mine: true,
  link: { up: true, unsent: 0, code: "" },
};

/* ---- drawing ---- */

function screen() {
  if (model.broken) return signals.broken;
  if (!model.mine) return signals.otherTab;
  if (!state) return model.link.up ? null : signals.unreachable;
  if (model.flash) return signals.accepted;
  if (model.troubles.length) return signals.troubles;
  if (state.now.shown && state.now.shown.op_id !== model.unsure) return signals.refused;
  if (model.screen === "typed") return signals.typed;
  const atWork = ["bin", "unit"].includes(state.now.step);
  if (atWork && model.screen) return signals[model.screen];
  return job;
}

/** Draw the page anew if anything on it changed, so that a tap never meets a moving button. */
function draw() {
  model.state = state;
  const { state: _, ...rest } = model;
  const seen = JSON.stringify([rest, state?.now, version, currentLanguage()]);
  if (seen === drawn) return;
  drawn = seen;
  const make = screen();
  const keepTyped = document.querySelector("#typed")?.value ?? "";
  if (make) root.replaceChildren(...make(model, act).filter(Boolean));
  page.dataset.step = state?.now.step ?? "";
  page.dataset.unsent = String(model.link.unsent);
  page.dataset.ready = String(Boolean(state) && model.mine);
  const typed = document.querySelector("#typed");
  if (typed) {
    typed.value = keepTyped;
    typed.focus();
  } else if (document.activeElement !== wedge) wedge.focus({ preventScroll: true });
}

/** Green after all: the edge knows a unit that was not in the download. */
function flashLate({ slot, code }) {
  const stop = currentStop(state);
  if (!stop) return;
  const { picked, left } = countsOf(state, stop);
  signal("right");
  flash({ params: { slot, code, bin: stop.bin, unit: picked + 1, units: picked + left } }, state);
}

let flashTimer = 0;
function flash(verdict, before) {
  const { picked, units } = totalsOf(before);
  const atMs = performance.now();
  model.flash = { ...verdict.params, done: picked + 1, all: units, at_ms: atMs };
  clearTimeout(flashTimer);
  flashTimer = setTimeout(() => { model.flash = null; draw(); }, FLASH_MS);
}

let lateTimer = 0;
function watchWaiting() {
  clearTimeout(lateTimer);
  if (!state?.now.waiting) {
    model.late = false;
    return;
  }
  lateTimer = setTimeout(() => { model.late = true; draw(); }, LATE_MS);
}

/* ---- one scan ---- */

const scanned = (raw) => { chain = chain.then(() => apply(raw)).catch(failed); };

async function apply(raw) {
  const isStopped = model.troubles.length > 0 || model.broken;
  if (isStopped || !state || !model.mine) {
    signal(isStopped ? "stop" : "attention");
    return;
  }
  const scan = { op_id: uuid7(), raw, at_ms: Date.now() };
  const before = state;
  const { state: after, effects, verdict } = step(state, scan);
  const isSent = effects.includes("send");
  const { accepted, params: { slot } } = verdict;
  const row = { ...scan, device_id: deviceId, station, accepted, slot: accepted ? slot : null };
  if (isSent) await store.addScan(row, { [`now:${station}`]: after.now });
  made += Number(isSent);
  state = after;
  if (isSent) model.link.unsent += 1;
  for (const effect of effects) {
    if (effect.startsWith("language:")) language(effect.slice("language:".length));
  }
  if (isSent && verdict.unsure && model.link.up) showUnlessCorrected(scan, verdict, before);
  else show(verdict, before);
  if (isSent) kick();
  watchWaiting();
  draw();
}

/** Show what the edge may know better: wait a moment for it, but never hold up the next scan. */
async function showUnlessCorrected(scan, verdict, before) {
  const isCorrected = await edgeContradicts(scan.op_id);
  if (!isCorrected && state.now.newest === scan.op_id) show(verdict, before);
  draw();
}

/** Give the edge a moment to know better; true when it says the opposite in time. */
async function edgeContradicts(opId) {
  const heard = new Promise((resolve) => {
    waiters.set(opId, resolve);
    setTimeout(resolve, UNSURE_MS, false);
  });
  model.unsure = opId;
  const isOpposite = await heard;
  if (!isOpposite) model.unsure = "";
  waiters.delete(opId);
  return isOpposite;
}

function show(verdict, before) {
  if (verdict.signal === "none") return;
  model.screen = null;
  model.flash = null;
  signal(verdict.signal);
  if (verdict.accepted && !verdict.quiet) flash(verdict, before);
}

/* ---- the edge's answers ---- */

async function answered(scans, answers) {
  scans.forEach((scan, i) => waiters.get(scan.op_id)?.(contradicts(scan, answers[i])));
  const settled = chain.then(() => settleAll(scans, answers));
  chain = settled.catch(failed);
  await settled;
}

async function settleAll(scans, answers) {
  const seen = state.now.shown;
  const late = [];
  let [fresh, green] = [state, null];
  scans.forEach((scan, i) => {
    const result = settle(fresh, scan, answers[i]);
    fresh = result.state;
    green = result.green ?? green;
    if (result.trouble) late.push(result.trouble);
  });
  const troubles = [...model.troubles, ...late].slice(-TROUBLES_MAX);
  await store.settle(scans.map((scan) => scan.device_seq),
    { [`now:${station}`]: fresh.now, troubles });
  state = fresh;
  model.unsure = "";
  model.troubles = troubles;
  model.link.unsent = await store.countWaiting();
  const { shown } = fresh.now;
  if (late.length) signal("stop");
  else if (shown && shown.code !== seen?.code) signal(shown.signal);
  if (late.length || shown) model.flash = null;
  else if (green) flashLate(green);
  watchWaiting();
  draw();
}

/** Take the edge's view over, unless a scan was made meanwhile: then it is out of date. */
async function drained() {
  const madeBefore = made;
  const { ok, body } = await ask(`/api/v1/stations/${station}`);
  if (!ok) return;
  chain = chain.then(() => (made === madeBefore ? takeOver(body) : null)).catch(failed);
}

async function takeOver({ now_ms: _now, link: _link, ...view }) {
  if (await store.countWaiting()) return;
  const [stepBefore, before] = [state?.now.step, state?.base.person?.badge];
  const text = JSON.stringify(view);
  const changed = text !== baseText;
  state = fromStation(changed || !state ? view : state.base, state);
  baseText = text;
  version += Number(changed);
  if (stepBefore && stepBefore !== state.now.step) model.screen = null;
  const { person } = view;
  if (person && person.badge !== before) language(person.language ?? currentLanguage());
  model.link.unsent = 0;
  const base = changed ? { [`base:${station}`]: state.base } : {};
  await store.keep({ [`now:${station}`]: state.now, ...base });
  watchWaiting();
  draw();
}

function link(up, code = "") {
  model.link.up = up;
  model.link.code = code;
  draw();
}

const kick = () => { sender.kick().catch(failed); };

/** Another tab took over: say so. What cannot be stored must not be signalled as done: stop. */
function failed(error) {
  if (error instanceof NotMine) {
    model.mine = false;
    draw();
    return;
  }
  if (error instanceof Unreachable) return;
  model.broken = true;
  signal("stop");
  draw();
  setTimeout(() => { throw error; });
}

/* ---- taps ---- */

function putAway() {
  state = dismiss(state);
  store.keep({ [`now:${station}`]: state.now }).catch(failed);
}

const ACTIONS = {
  scan: (raw) => { model.screen = null; scanned(raw); },
  dismiss: () => { putAway(); },
  menu: () => { putAway(); model.screen = "menu"; },
  leave: () => { model.screen = "leave"; },
  short: () => {
    model.screen = "short";
    model.found = countsOf(state, currentStop(state)).picked;
  },
  found: (count) => { model.found = count; },
  type: () => { model.screen = "typed"; },
  typed: (text) => { if (clean(text)) { model.screen = null; scanned(clean(text)); } },
  close: () => { model.screen = null; },
  troubles: () => { model.troubles = []; store.keep({ troubles: [] }).catch(failed); },
  theme: () => { model.night = !model.night; theme(); },
  language: () => {
    scanned(`BC:LANG:${LANGUAGES.find((each) => each !== currentLanguage())}`);
  },
  take: () => { take(true); },
  retry: () => { kick(); },
  reload: () => { location.reload(); },
};

function act(name, value) {
  wake();
  ACTIONS[name](value);
  draw();
}

function theme() {
  page.dataset.theme = keep("bincard.theme", model.night ? "hand-night" : "hand");
}

function language(next) {
  setLanguage(next);
  page.lang = next;
  document.cookie = `lang=${next}; path=/; max-age=31536000; samesite=lax`;
}

/* ---- one tab at a time ---- */

const isReload = performance.getEntriesByType("navigation")[0]?.type === "reload";
const tab = (isReload && sessionStorage.getItem("bincard.tab")) || uuid7();
sessionStorage.setItem("bincard.tab", tab);
const tabs = globalThis.BroadcastChannel ? new BroadcastChannel("bincard-handheld") : null;

async function take(force) {
  model.mine = await store.lease(tab, Date.now(), force);
  if (model.mine) {
    tabs?.postMessage({ taken_by: tab });
    await resume();
    kick();
  }
  draw();
}

async function renew() {
  if (!model.mine) {
    if (await store.lease(tab, Date.now())) await take(false);
    return;
  }
  model.mine = await store.lease(tab, Date.now());
  draw();
}

/* ---- start ---- */

async function resume() {
  const base = await store.get(`base:${station}`);
  const now = await store.get(`now:${station}`);
  state = base && now ? { base, now } : null;
  model.troubles = (await store.get("troubles")) ?? [];
  model.link.unsent = await store.countWaiting();
}

const pause = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

/** Load the words of one language; without a network, try again until there is one. */
async function words(each) {
  for (;;) {
    try {
      return (await ask(`/hand/messages.${each}.json`)).body;
    } catch {
      await pause(RETRY_WORDS_MS);
    }
  }
}

async function loadWords() {
  const loaded = {};
  for (const each of LANGUAGES) loaded[each] = await words(each);
  setCatalogues(loaded);
  setLanguage(LANGUAGES.includes(page.lang) ? page.lang : LANGUAGES[0]);
}

async function start() {
  theme();
  await loadWords();
  store = await open();
  sender = new Sender(store, { answered, drained, link });
  listen(wedge, scanned, () => document.querySelector("#typed") !== null);
  tabs?.addEventListener("message", ({ data }) => {
    if (data.taken_by !== tab) { model.mine = false; draw(); }
  });
  await take(false);
  setInterval(() => renew().catch(failed), LEASE_RENEW_MS);
  setInterval(() => { if (model.mine && !document.hidden) kick(); }, POLL_MS);
  addEventListener("online", kick);
  addEventListener("offline", kick);
  addEventListener("visibilitychange", () => { if (!document.hidden) kick(); });
  addEventListener("pagehide", () => { store.release(); });
  if (isSecureContext) {
    // A bonus where TLS allows it: the page itself opens without a network, too.
    navigator.serviceWorker?.register("/hand/worker.js", { scope: "/hand" }).catch(() => {});
  }
}

start();
