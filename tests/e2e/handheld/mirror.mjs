// The handheld's machine as a filter: JSON lines in, one verdict out per scan.
// {"station": view} takes a download over; {"raw": text} scans.

import { createInterface } from "node:readline";

const code = new URL("../../../edge/web/handheld/static/", import.meta.url);
const { dismiss, fromStation, step } = await import(new URL("machine.js", code));

let state = null;
let atMs = 0;
for await (const line of createInterface({ input: process.stdin })) {
  const asked = JSON.parse(line);
  atMs += 1000;
  if (asked.station) {
    state = fromStation(asked.station, state);
    console.log("{}");
  } else {
    const result = step(dismiss(state), { op_id: `op-${atMs}`, raw: asked.raw, at_ms: atMs });
    state = { ...result.state, now: { ...result.state.now, waiting: null } };
    console.log(JSON.stringify({ ...result.verdict, step: state.now.step }));
  }
}
