/* Sentences in the picker's language, with figures and marked words filled in.

   Both catalogues are loaded at the start, so that the language can change without a network. */

let catalogues = { "zh-CN": {}, en: {} };
let language = "zh-CN";

/** Take over both catalogues, each a flat object of code to sentence. */
export function setCatalogues(loaded) {
  catalogues = { ...catalogues, ...loaded };
}

/** Switch the language of everything drawn from now on. */
export function setLanguage(next) {
  language = next;
}

export const currentLanguage = () => language;

const sentence = (key) => catalogues[language][key] ?? catalogues["zh-CN"][key];

/** Return whether a sentence for `key` exists. */
export const has = (key) => sentence(key) !== undefined;

/** Return the sentence for `key` with `{name}` replaced from `params`. */
export function t(key, params = {}) {
  const text = sentence(key) ?? key;
  return text.replace(/\{(\w+)\}/g, (whole, name) => String(params[name] ?? whole));
}

/** Return the sentence as a list of strings and nodes, for params that are elements. */
export function rich(key, params = {}) {
  const text = sentence(key) ?? key;
  return text.split(/(\{\w+\})/).filter(Boolean)
    .map((part) => (part.startsWith("{") ? params[part.slice(1, -1)] ?? part : part));
}

/** Return `14:42`, not today `11-21 14:42`, not this year `2025-11-21`. Milliseconds since 1970. */
export function clock(atMs, nowMs = Date.now()) {
  const [at, now] = [new Date(atMs), new Date(nowMs)];
  const two = (n) => String(n).padStart(2, "0");
  const date = `${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  const time = `${two(at.getHours())}:${two(at.getMinutes())}`;
  if (at.getFullYear() !== now.getFullYear()) return `${at.getFullYear()}-${date}`;
  return at.toDateString() === now.toDateString() ? time : `${date} ${time}`;
}

/** Return a length of time in words: seconds under a minute, else minutes and seconds. */
export function span(milliseconds) {
  const seconds = Math.max(0, Math.round(milliseconds / 1000));
  if (seconds < 60) return t("hand.seconds", { s: seconds });
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return t("hand.minutes_seconds", { m: minutes, s: seconds % 60 });
  return t("hand.hours_minutes", { h: Math.floor(minutes / 60), m: minutes % 60 });
}

/** Return metres, rounded, with thousands marked: `1,412`. */
export const metres = (millimetres) => Math.round(millimetres / 1000).toLocaleString("en-US");

/** Return how wide a text draws, in Chinese characters. */
export const width = (text) =>
  [...text].reduce((sum, char) => sum + (char.charCodeAt(0) > 0x2e80 ? 1 : 0.55), 0);
