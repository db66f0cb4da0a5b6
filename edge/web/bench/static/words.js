/* Sentences, figures and times as the bench shows them. Texts come with the page, in one language. */

const { language, texts } = JSON.parse(document.getElementById("words").textContent);

const ESCAPES = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

/** Markup that is safe to insert: made by `html`, never by a person. */
class Markup {
  constructor(text) { this.text = text; }
  toString() { return this.text; }
}

const inner = (value) => {
  if (value instanceof Markup) return value.text;
  if (Array.isArray(value)) return value.map(inner).join("");
  if (value === null || value === undefined || value === false) return "";
  return String(value).replace(/[&<>"']/g, (character) => ESCAPES[character]);
};

/** Tagged template: every value is escaped unless it is markup itself. */
export const html = (strings, ...values) =>
  new Markup(strings.reduce((text, part, at) => text + inner(values[at - 1]) + part));

/** Return whether a sentence for `code` exists. */
export const has = (code) => texts[code] !== undefined;

/** Return the sentence for `code`, its `{name}` filled from `params`. */
export const t = (code, params = {}) =>
  (texts[code] ?? code).replace(/\{(\w+)\}/g, (whole, name) => String(params[name] ?? whole));

/** Return the first of `codes` that has a sentence, filled in; else an empty text. */
export const firstOf = (codes, params = {}) => {
  const code = codes.find(has);
  return code ? t(code, params) : "";
};

/** Return a sentence with `markup` in the place of `mark`. */
export const rich = (code, mark, markup) => {
  const [before, after = ""] = t(code).split(mark);
  return html`${before}${markup}${after}`;
};

export const icon = (name) =>
  html`<svg class="icon" aria-hidden="true"><use href="/static/shared/icons.svg#i-${name}"/></svg>`;
export const sep = html`<i class="sep"></i>`;

/** Return a serial number or waybill in groups of four, the last one bold: people compare ends. */
export const grouped = (text) => {
  const groups = String(text).match(/.{1,4}/gsu) ?? [];
  const last = groups.pop() ?? "";
  return html`<span class="code">${groups.map((group) => html`<i>${group}</i>`)}<i><u>${last}</u></i></span>`;
};
export const code = (text) => html`<span class="code"><i>${text}</i></span>`;

const two = (number) => String(number).padStart(2, "0");

/** Return `14:42`, or with its day `11-21 14:42` when that is not today. */
export const clock = (atMs, nowMs, seconds = false) => {
  const at = new Date(atMs);
  const time = `${two(at.getHours())}:${two(at.getMinutes())}`
    + (seconds ? `:${two(at.getSeconds())}` : "");
  return at.toDateString() === new Date(nowMs).toDateString()
    ? time : `${two(at.getMonth() + 1)}-${two(at.getDate())} ${time}`;
};

/** Return a length of time in hours and minutes. */
export const span = (milliseconds) => {
  const minutes = Math.max(0, Math.round(milliseconds / 60_000));
  return minutes < 60
    ? t("bench.minutes", { m: minutes })
    : t("bench.hours_minutes", { h: Math.floor(minutes / 60), m: minutes % 60 });
};

/** Return grams as kilograms with three places, no unit. */
export const kg = (grams) => (Number(grams) / 1000).toFixed(3);

/** Return the number at the end of a device's or station's name: `2` for `scale-2`. */
export const numberOf = (name) => /(\d+)$/.exec(name ?? "")?.[1] ?? name ?? "";

export { language };
