/* Building page parts without a framework: an element is a tag, attributes and children.

   The page's security policy forbids inline styles and scripts, so sizes that depend on figures
   go through the style object (`css`), and everything else is a class. */

const SVG = "http://www.w3.org/2000/svg";
const SVG_TAGS = new Set(["svg", "use", "path", "rect", "circle", "text", "g"]);

/** Return an element. `attrs.on` is a tap handler, `attrs.css` an object of style properties. */
export function h(tag, attrs, ...children) {
  const el = SVG_TAGS.has(tag) ? document.createElementNS(SVG, tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attrs ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "on") el.addEventListener("click", value);
    else if (name === "css") Object.assign(el.style, value);
    else el.setAttribute(name, value === true ? "" : value);
  }
  el.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return el;
}

/** Return the icon called `name` from the sheet of shapes in the page. */
export function icon(name, more = "") {
  return h("svg", { class: `icon ${more}`.trim(), "aria-hidden": "true" },
    h("use", { href: `#i-${name}` }));
}

/** Return the thin rule that stands between two facts. */
export const sep = () => h("i", { class: "sep" });

/** Return a code in groups of four; the last group is bold, since people compare ends. */
export function serial(text) {
  const groups = text.match(/.{1,4}/gsu) ?? [];
  const last = groups.pop() ?? "";
  return h("span", { class: "code long" },
    groups.map((group) => h("i", null, group)), h("i", null, h("u", null, last)));
}

/** Return a short code (bin, SKU, product number) as it is, never broken. */
export const code = (text) => h("span", { class: "code" }, h("i", null, text));

/** Return a scanned text as it reads best: only long names of one unit stand in groups. */
export const scanned = (text) =>
  (/^.{1,8}$|^(?=.*-).{1,12}$|^\d{12,14}$/.test(text) ? code(text) : serial(text));
