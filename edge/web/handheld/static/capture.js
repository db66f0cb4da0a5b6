/* How a scan gets into the page: the scanner types it into one field that always has the focus.

   Only `input` events are read, never the key of a `keydown`: Chinese input methods swallow those.
   A newline ends a scan; a scanner without one is understood by 80 ms of silence. The field asks
   for no on-screen keyboard (`inputmode="none"`). A code that comes twice within half a second is
   one scan of a trigger held too long. */

export const QUIET_MS = 80;
export const SAME_MS = 500;
export const LENGTH_MAX = 512;

/** Return the text as the machine wants it: compatibility forms folded, ends trimmed, GS kept. */
export function clean(text) {
  return text.normalize("NFKC").replace(/^[ \t\r\n]+|[ \t\r\n]+$/g, "").slice(0, LENGTH_MAX);
}

/** Return a function that tells whether a code at a time is a new scan. Times in milliseconds. */
export function debounce(sameMs = SAME_MS) {
  let last = { code: "", atMs: -Infinity };
  return (code, atMs) => {
    const fresh = code !== last.code || atMs - last.atMs >= sameMs;
    if (fresh) last = { code, atMs };
    return fresh;
  };
}

/** Listen on `field`; call `onScan(code)` for each new scan. `isPaused()` lets typing go on. */
export function listen(field, onScan, isPaused) {
  const isNew = debounce();
  let quiet = 0;
  const take = (text) => {
    const code = clean(text);
    if (code && isNew(code, performance.now())) onScan(code);
  };
  const flush = () => {
    clearTimeout(quiet);
    const text = field.value;
    field.value = "";
    text.split(/[\r\n\t]+/).forEach(take);
  };
  const read = (event) => {
    clearTimeout(quiet);
    if (event?.isComposing) return;
    const end = Math.max(field.value.lastIndexOf("\n"), field.value.lastIndexOf("\r"));
    if (end >= 0) {
      const rest = field.value.slice(end + 1);
      field.value = field.value.slice(0, end);
      flush();
      field.value = rest;
    }
    if (field.value) quiet = setTimeout(flush, QUIET_MS);
  };
  const focus = () => {
    if (!isPaused() && document.activeElement !== field) field.focus({ preventScroll: true });
  };
  field.addEventListener("input", read);
  field.addEventListener("compositionend", () => read(null));
  field.addEventListener("blur", () => setTimeout(focus, 0));
  document.addEventListener("visibilitychange", focus);
  document.addEventListener("mousedown", (event) => {
    // A tapped button must not take the focus, or the scanner's Enter would press it.
    if (!isPaused()) event.preventDefault();
    focus();
  });
  focus();
  return { focus };
}
