/* Scans on their way to the edge: stored first, sent in order, and sent again until answered.

   Each scan has an id made here. When an answer is lost on the way, the same scan goes out again
   under the same id, and the edge answers as the first time: nothing is done twice. What waits is
   kept in the browser's storage, so that a reload or a power cut loses nothing. The sender is the
   handheld's; a bench is wired to its edge and never works alone, so its store is a short list. */

import { Sender } from "../handheld/queue.js";
import { uuid7 } from "../handheld/store.js";

export const WAITING_MAX = 64;

const DEVICE = "bincard.device";
const EMPTY = '{"seq":0,"waiting":[]}';

/** Open the queue of `station` in `storage` (localStorage or its like).

    `hooks.answered(scan, answer)` is called once per scan with what the edge said,
    `hooks.link(up)` hears whether the edge answers at all. */
export function openQueue(station, storage, hooks) {
  const key = `bincard.${station}.scans`;
  const load = () => JSON.parse(storage.getItem(key) ?? EMPTY);
  const save = (kept) => storage.setItem(key, JSON.stringify(kept));
  if (!storage.getItem(DEVICE)) storage.setItem(DEVICE, `${station}-${uuid7().slice(-8)}`);

  const settle = (scans, answers) => {
    const done = new Set(scans.map((scan) => scan.op_id));
    const kept = load();
    save({ ...kept, waiting: kept.waiting.filter((scan) => !done.has(scan.op_id)) });
    scans.forEach((scan, at) => hooks.answered(scan, answers[at]));
  };
  const sender = new Sender(
    { waiting: async (limit) => load().waiting.slice(0, limit) },
    { answered: async (scans, answers) => settle(scans, answers), link: hooks.link,
      drained: async () => {} },
  );
  addEventListener("online", () => sender.kick());

  return {
    /** Keep `raw` and send it. Returns false when too many wait already: then nothing is kept. */
    put(raw) {
      const kept = load();
      if (kept.waiting.length >= WAITING_MAX) return false;
      const seq = kept.seq + 1;
      const scan = {
        op_id: uuid7(), device_id: storage.getItem(DEVICE), device_seq: seq, station, raw,
      };
      save({ seq, waiting: [...kept.waiting, scan] });
      sender.kick();
      return true;
    },
    /** Send what waits from before the page was loaded. */
    resume: () => sender.kick(),
    /** Return how many scans wait for an answer. */
    waiting: () => load().waiting.length,
  };
}
