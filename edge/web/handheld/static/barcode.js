/* What a code can be, read the way the edge reads it (edge/domain/barcode.py).

   A scanner may put an AIM identifier in front (`]C1`, `]d2`). GS1 element strings say with two to
   four digits what follows, and fields of open length end with GS.
   Source: GS1 General Specifications, section 3. */

const GS = "\x1d";
const GS1_AIM = new Set(["]C1", "]d2", "]e0", "]Q3", "]J1"]);
const GS1_PLAIN = /^01\d{14}(21|10|11|15|17|240)./;
const FIXED = { "00": 18, "01": 14, "02": 14, 11: 6, 12: 6, 13: 6, 15: 6, 16: 6, 17: 6, 20: 2 };
const OPEN = new Set(["10", "21", "22", "30", "37", "240", "241", "242", "250", "251"]);
const DOUBLED_MIN = 6;

const SHAPES = [
  ["badge", /^BDG-\w+$/],
  ["command", /^BC:/],
  ["list", /^PL-\d+$/],
  ["cart", /^C\d{1,4}$/],
  ["tote", /^C\d{1,4}-\d{2}$/],
  ["bin", /^[A-Z]{1,3}\d{0,3}-\d{1,3}(-\d{1,3}){0,2}$/],
  ["gtin", /^(\d{8}|\d{12,14})$/],
];

/** Return a product number padded to 14 digits, so that equal ones compare equal. */
export const gtin14 = (digits) => String(digits ?? "").padStart(14, "0");

/** Return the GS1 fields of `text` by identifier, or null when it does not read as such. */
export function elements(text) {
  const fields = {};
  let rest = text.replace(/^\x1d+/, "");
  while (rest) {
    const ai = [2, 3].map((n) => rest.slice(0, n)).find((key) => key in FIXED || OPEN.has(key));
    if (!ai) return null;
    const stop = rest.indexOf(GS);
    const end = ai in FIXED ? ai.length + FIXED[ai] : (stop < 0 ? rest.length : stop);
    if (end > rest.length || end === ai.length) return null;
    fields[ai] = rest.slice(ai.length, end);
    rest = rest.slice(end).replace(/^\x1d/, "");
  }
  return fields;
}

/** Return `{kind, text, exact, serial, gtin, half}`.

    `text` is in capitals, `exact` as it was (serial numbers keep their case), `half` is the text
    when it came twice in a row from a bouncing trigger, else "". */
export function read(raw) {
  const normal = raw.normalize("NFKC").replace(/^[ \t\r\n\x02\x03]+|[ \t\r\n\x02\x03]+$/g, "");
  const aim = normal.match(/^\][A-Za-z]\w/)?.[0] ?? "";
  const exact = normal.slice(aim.length).trim();
  const text = exact.toUpperCase();
  const mayBeGs1 = GS1_AIM.has(aim) || exact.includes(GS) || GS1_PLAIN.test(exact);
  const fields = mayBeGs1 ? elements(exact) : null;
  const [gtin, serial] = [fields?.["01"] ?? "", fields?.["21"] ?? ""];
  if (gtin || serial) {
    return { kind: serial ? "code" : "gtin", text, exact, serial, gtin, half: "" };
  }
  const kind = SHAPES.find(([, shape]) => shape.test(text))?.[0] ?? "code";
  const middle = Math.floor(exact.length / 2);
  const half = exact.slice(0, middle);
  const isDoubled = exact.length >= DOUBLED_MIN && half === exact.slice(middle);
  return {
    kind, text, exact, serial: exact, gtin: kind === "gtin" ? exact : "",
    half: isDoubled ? half : "",
  };
}
