/* The packing bench: shows what the edge says about this station, and sends what is scanned.

   The edge decides everything. The page holds only what nobody else needs: which question of a
   choice is open, whether a code is being typed by hand, and the last answer. */

import { listen } from "../handheld/capture.js";
import { ask } from "../handheld/queue.js";
import { signal } from "../handheld/sound.js";
import { doBar } from "./do.js";
import { choicesOf, stopOf } from "./choices.js";
import { labelPanel, scalePanel } from "./instruments.js";
import { haltPanel, jobPanel, steps } from "./job.js";
import { openQueue } from "./queue.js";
import { clock, firstOf, html, icon, rich, t } from "./words.js";

const CLOCK_MS = 1000;
const RETRY_MS = 2000;
const $ = (id) => document.getElementById(id);
const page = $("bench");
const { station } = page.dataset;

/** What the page knows: the station as the edge told it, and what is going on in this tab. */
const now = { state: null, choice: null, typing: false, note: null, silent: null, skewMs: 0 };
const drawn = new Map();

function put(id, markup) {
  const text = [markup].flat().map(String).join("");
  if (drawn.get(id) === text) return;
  drawn.set(id, text);
  const place = $(id);
  const within = place.contains(document.activeElement);
  place.innerHTML = text;
  if (within && !now.typing) $("scan").focus({ preventScroll: true });
}

function say(text, assertive = false) {
  const place = $(assertive ? "assertive" : "polite");
  if (place.textContent !== text) place.textContent = text;
}

/** Since when the edge is silent, on the edge's own clock. */
const since = () => clock(now.silent + now.skewMs, Date.now() + now.skewMs);

function link(state) {
  if (now.silent !== null) {
    return html`<span class="state offline">${icon("offline")}<span>${
      t("bench.edge_silent", { at: since() })}</span></span>`;
  }
  if (state.storage?.code) {
    return html`<span class="state stop">${icon("stop")}<span>${state.storage.message}</span></span>`;
  }
  return state.link?.up === false
    ? html`<span class="state offline">${icon("offline")}<span>${t("bench.hub_down")}</span></span>`
    : "";
}

function draw() {
  const { state } = now;
  if (!state) return;
  const choices = choicesOf(state, now.choice);
  const halted = state.halt ?? now.choice?.halt ?? null;
  const shown = now.choice ? { ...state, halt: now.choice.halt } : state;
  const nowMs = Date.now() + now.skewMs;
  $("clock").textContent = clock(nowMs, nowMs);
  put("site", html`${state.warehouse_name || state.warehouse}`);
  put("who", html`${state.person?.name ?? ""}`);
  put("today", rich("bench.today", "{n}", html`<b>${state.parcels_today}</b>`));
  put("link", link(state));
  put("steps", steps(state));
  put("job", halted ? haltPanel(shown, choices) : jobPanel(state));
  $("job").classList.toggle("halted", Boolean(halted));
  put("scale", scalePanel(state.scale));
  put("label", labelPanel(state));
  put("do", doBar(state, { ...now, since: now.silent === null ? "" : since() }));
  $("job").querySelector(".lineitem.now")?.scrollIntoView({ block: "nearest" });
}

let fetching = false;
let stale = false;

/** Fetch the station again; several wishes at once become one request, and one more after it. */
async function refresh() {
  if (fetching) {
    stale = true;
    return;
  }
  fetching = true;
  try {
    do {
      stale = false;
      const response = await fetch(`/api/v1/stations/${station}`, { cache: "no-store" });
      if (!response.ok) throw new Error(`status ${response.status}`);
      take(await response.json());
    } while (stale);
    heard(true);
  } catch {
    heard(false);
    setTimeout(refresh, RETRY_MS);
  } finally {
    fetching = false;
  }
}

function take(state) {
  const before = now.state;
  now.skewMs = state.now_ms - Date.now();
  now.state = state;
  const halted = state.halt && state.halt.code !== before?.halt?.code;
  // What the edge holds is the truth; a stop of one scan gives way to it.
  if (halted || state.step !== before?.step) now.choice = null;
  if (halted && before && !queue.waiting() && now.note?.signal !== "stop") {
    signal(state.halt.kind === "stop" ? "stop" : "attention");
  }
  if (state.halt) now.note = null;
  draw();
}

function heard(up) {
  const since = up ? null : now.silent ?? Date.now();
  if ((since === null) === (now.silent === null)) return;
  now.silent = since;
  draw();
}

const queue = openQueue(station, localStorage, {
  answered(scan, answer) {
    signal(answer.signal ?? "attention");
    const right = answer.signal === "right";
    now.note = right ? null : { signal: answer.signal, text: answer.message };
    now.choice = answer.signal === "stop" ? stopOf(answer) : right ? null : now.choice;
    say(answer.message, answer.signal === "stop");
    draw();
    refresh();
  },
  link: heard,
});

function send(raw) {
  now.note = null;
  if (!queue.put(raw)) {
    signal("stop");
    now.note = { signal: "stop", text: t("bench.queue_full") };
  }
  draw();
}

/** A scan goes to the open question if there is one that takes codes, else to the edge. */
function scanned(raw) {
  if (!now.choice) return send(raw);
  const next = now.choice.scanned?.(raw);
  if (!next) return signal("stop");
  now.typing = Boolean(next.typed);
  if (next.raw) {
    if (!next.keep) now.choice = null;
    return send(next.raw);
  }
  now.choice = next;
  draw();
  if (now.typing) $("typed").focus();
  return undefined;
}

function act(name) {
  now.typing = name === "type";
  now.choice = name === "type" || name === "close" ? null : choicesOf.open(name, now.state);
  draw();
  if (now.typing) $("typed").focus();
  else $("scan").focus({ preventScroll: true });
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-raw],[data-act]");
  if (!button || button.disabled) return;
  if (button.dataset.act) act(button.dataset.act);
  else {
    now.choice = null;
    send(button.dataset.raw);
  }
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && (now.choice || now.typing)) act("close");
  if (!/^F\d+$/.test(event.key)) return;
  const button = document.querySelector(`[data-key="${event.key}"]`);
  if (!button) return;
  event.preventDefault();
  button.click();
});
document.addEventListener("submit", (event) => {
  event.preventDefault();
  if (event.target.id !== "typing") return;
  const text = $("typed").value.trim();
  if (now.choice?.typed) {
    weighByHand(now.choice, text);
    return;
  }
  act("close");
  if (text) scanned(text);
});

/** A lead types the weight because the scale is away; a repeat carries the same id. */
async function weighByHand(choice, text) {
  const grams = /^\d{1,6}$/.test(text) ? Number(text) : 0;
  const { ok, body } = await ask("/api/v1/weighings", {
    op_id: choice.opId, station, grams, badge: choice.badge, reason: "scale_away",
  }).catch(() => ({ ok: false, body: { detail: t("bench.do.silent") } }));
  now.typing = false;
  now.choice = null;
  if (!ok) now.note = { signal: "attention", text: firstOf([`bench.problem.${body.code}`]) || body.detail };
  signal(ok ? body.signal : "attention");
  draw();
  refresh();
  $("scan").focus({ preventScroll: true });
}

function listenToEdge() {
  const events = new EventSource(`/api/v1/stations/${station}/events`);
  ["station", "link", "health"].forEach((name) => events.addEventListener(name, refresh));
  events.addEventListener("open", refresh);
  events.addEventListener("error", () => heard(false));
  events.addEventListener("scale", (event) => {
    const reading = JSON.parse(event.data);
    if (!now.state?.scale || reading.device !== now.state.scale.device) return;
    Object.assign(now.state.scale, { status: reading.status, grams: reading.grams });
    put("scale", scalePanel(now.state.scale));
  });
  // A stream that ends for good (the edge was replaced) is opened again by hand.
  events.addEventListener("error", () => {
    if (events.readyState === EventSource.CLOSED) setTimeout(listenToEdge, RETRY_MS);
  });
}

setInterval(() => {
  const time = Date.now() + now.skewMs;
  $("clock").textContent = clock(time, time);
}, CLOCK_MS);
listen($("scan"), scanned, () => now.typing);
refresh();
listenToEdge();
queue.resume();
