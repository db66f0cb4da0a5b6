/* The console's own script: keys, the clock, requests to the edge, and calm live updates.

   Parts of a page are fetched again by htmx when the edge says that they changed. A list under a
   finger or with the focus inside does not change its order: new rows wait behind a button. */

import { uuid7 } from "../handheld/store.js";

const CLOCK_MS = 1000;
const SILENT_AFTER_MS = 4000;
const con = document.querySelector(".con");
const two = (number) => String(number).padStart(2, "0");

/* The clock runs on the edge's time, not on the browser's. */
const clock = document.getElementById("clock");
const skewMs = Number(clock.dataset.now) - Date.now();
setInterval(() => {
  const at = new Date(Date.now() + skewMs);
  clock.textContent = `${two(at.getHours())}:${two(at.getMinutes())}`;
}, CLOCK_MS);

/* Keys: `/` finds, arrows walk through a table, Enter opens, Esc leaves, letters press buttons. */
const isTyping = (target) => target.closest?.("input, textarea, select") !== null;

function walk(from, step) {
  const rows = [...from.closest("tbody, ul").querySelectorAll("a[href]")]
    .filter((link, at, all) => at === 0 || link.closest("tr, li") !== all[at - 1].closest("tr, li"));
  const row = from.closest("tr, li");
  const at = rows.findIndex((link) => link.closest("tr, li") === row);
  rows[at + step]?.focus();
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const { target, key } = event;
  if (isTyping(target)) {
    if (key === "Escape") target.blur();
    return;
  }
  const step = { ArrowDown: 1, ArrowUp: -1 }[key];
  if (step && target.closest?.("tbody a, .exc li a")) {
    event.preventDefault();
    walk(target, step);
  } else if (step && !target.closest?.("a, button")) {
    const first = document.querySelector("main tbody a, .exc li a");
    if (first) {
      event.preventDefault();
      first.focus();
    }
  } else if (key === "/") {
    event.preventDefault();
    document.getElementById("find").focus();
  } else if (key === "Escape" && location.pathname !== "/") {
    history.length > 1 ? history.back() : location.assign("/");
  } else if (/^[a-z]$/i.test(key)) {
    document.querySelector(`[data-letter="${key.toLowerCase()}"]`)?.click();
  }
});

/* A row opens where its first link leads. */
document.addEventListener("click", (event) => {
  const row = event.target.closest("tbody tr");
  if (row && !event.target.closest("a, button, input") && !String(getSelection())) {
    row.querySelector("a[href]")?.click();
  }
});

/* Requests that change something carry an id made here: a repeat of the same press does nothing
   twice. The id is renewed only after an answer. */
const SHAPES = {
  sale: ({ badge, sku, quantity, serials }) => ({
    badge,
    lines: [{
      sku: sku.trim(),
      quantity: Number(quantity),
      serials: serials.split(/[\s,;]+/).filter(Boolean),
    }],
  }),
  labels: ({ codes, new_cartons, ...plain }) => ({
    ...plain,
    codes: codes.split(/[\s,;]+/).filter(Boolean),
    new_cartons: plain.kind === "sscc" ? Number(new_cartons) : 0,
  }),
  decision: ({ badge }, pressed) => ({ badge, printed: pressed === "yes" }),
  template: ({ badge, began_at, body }, pressed) => ({
    badge,
    began_at: Number(began_at),
    body: pressed === "reset" ? "" : body,
  }),
};

async function submit(form, button) {
  const hint = form.querySelector(".hint");
  form.dataset.op ??= uuid7();
  const shape = SHAPES[form.dataset.shape] ?? ((plain) => plain);
  const fields = shape(Object.fromEntries(new FormData(form)), button.value);
  button.disabled = true;
  try {
    const response = await fetch(form.dataset.api, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ op_id: form.dataset.op, ...fields }),
    });
    const body = await response.json().catch(() => ({}));
    if (response.status < 500) delete form.dataset.op;
    if (!response.ok) {
      const own = form.getAttribute(`data-${body.code}`);
      return refuse(form, hint, own ?? [body.detail, body.hint].filter(Boolean).join(" "));
    }
    if (form.dataset.next) location.assign(form.dataset.next);
    return undefined;
  } catch {
    return refuse(form, hint, con.dataset.cut);
  } finally {
    button.disabled = false;
  }
}

function refuse(form, hint, text) {
  form.querySelector(".field")?.classList.add("bad");
  if (hint) hint.textContent = text;
  document.getElementById("polite").textContent = text;
  form.querySelector("input")?.select();
}

document.addEventListener("submit", (event) => {
  const form = event.target.closest("form[data-api]");
  if (!form) return;
  event.preventDefault();
  submit(form, event.submitter ?? form.querySelector("button"));
});

/* Live updates. */
const rowsOf = (root) => new Set([...root.querySelectorAll("[data-row]")].map((r) => r.dataset.row));
const held = new Map();

function isBusy(part) {
  return part.contains(document.activeElement) || part.matches(":hover");
}

function show(part, text) {
  held.delete(part.id);
  htmx.swap(part, text, { swapStyle: "outerHTML" });
}

document.addEventListener("htmx:beforeSwap", (event) => {
  const part = event.detail.target;
  if (!event.detail.xhr || event.detail.xhr.status !== 200) return;
  if (!part.hasAttribute?.("data-hold") || !isBusy(part)) return;
  const fresh = new DOMParser().parseFromString(event.detail.xhr.responseText, "text/html");
  const before = rowsOf(part);
  const after = [...rowsOf(fresh)];
  const added = after.filter((row) => !before.has(row)).length;
  if (!added && after.length === before.size) return;
  event.detail.shouldSwap = false;
  held.set(part.id, event.detail.xhr.responseText);
  const button = part.querySelector(".held") ?? document.createElement("button");
  button.className = "held";
  button.type = "button";
  button.textContent = con.dataset.new.replace("{n}", String(Math.max(1, added)));
  button.onclick = () => show(document.getElementById(part.id), held.get(part.id));
  part.querySelector("header")?.after(button);
});
for (const name of ["mouseout", "focusout"]) {
  document.addEventListener(name, (event) => {
    const part = event.target.closest?.("[data-hold]");
    if (!part || part.contains(event.relatedTarget) || !held.has(part.id)) return;
    show(part, held.get(part.id));
  });
}

/* When the edge does not answer, the figures stay and say how old they are. */
let silentTimer = 0;
document.addEventListener("htmx:sseError", () => {
  if (silentTimer) return;
  const at = clock.textContent;
  silentTimer = setTimeout(() => {
    const bar = document.createElement("p");
    bar.className = "silent";
    bar.id = "silent";
    bar.role = "status";
    bar.textContent = con.dataset.cut.replace("{at}", at);
    document.querySelector(".top").after(bar);
  }, SILENT_AFTER_MS);
});
document.addEventListener("htmx:sseOpen", () => {
  clearTimeout(silentTimer);
  silentTimer = 0;
  document.getElementById("silent")?.remove();
});
