/* What a handheld keeps through reloads, crashes and an empty battery: IndexedDB.

   A scan is written together with the state it leads to, in one transaction, before the picker
   sees or hears anything. So what was signalled is on disk, and a reload goes on where it stopped.
   Only the tab that holds the lease may write; the check is part of the same transaction. */

const NAME = "bincard-handheld";
const VERSION = 1;
export const LEASE_MS = 6000;
const STRICT = { durability: "strict" };

/** Another tab of this device holds the pen. */
export class NotMine extends Error {}

const answer = (request) => new Promise((resolve, reject) => {
  request.onsuccess = () => resolve(request.result);
  request.onerror = () => reject(request.error);
});

const finished = (transaction) => new Promise((resolve, reject) => {
  transaction.oncomplete = () => resolve();
  transaction.onabort = () => reject(transaction.error ?? new Error("storage refused"));
});

/** Return a UUID version 7 (RFC 9562) from the clock and the browser's randomness. */
export function uuid7(nowMs = Date.now()) {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  let rest = nowMs;
  for (let i = 5; i >= 0; i -= 1) {
    bytes[i] = rest % 256;
    rest = Math.floor(rest / 256);
  }
  bytes[6] = 0x70 | (bytes[6] & 0x0f);
  bytes[8] = 0x80 | (bytes[8] & 0x3f);
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

/** Open the device's storage. */
export async function open() {
  const request = indexedDB.open(NAME, VERSION);
  request.onupgradeneeded = () => {
    request.result.createObjectStore("scans", { keyPath: "device_seq" });
    request.result.createObjectStore("kept");
  };
  return new Store(await answer(request));
}

class Store {
  constructor(db) {
    this.db = db;
    this.tab = "";
  }

  #write() {
    const transaction = this.db.transaction(["scans", "kept"], "readwrite", STRICT);
    return {
      scans: transaction.objectStore("scans"),
      kept: transaction.objectStore("kept"),
      transaction,
      done: finished(transaction),
    };
  }

  /** Run `work` if this tab holds the lease, and wait for the disk; NotMine otherwise. */
  async #guarded(work) {
    const open = this.#write();
    open.done.catch(() => {}); // awaited below; an abort must not count as unhandled before that
    const lease = await answer(open.kept.get("lease"));
    if (lease?.tab !== this.tab) {
      open.transaction.abort();
      throw new NotMine();
    }
    const result = await work(open);
    await open.done;
    return result;
  }

  /** Take or renew the right to write for `tab`; return whether it is held. */
  async lease(tab, nowMs, force = false) {
    const { kept, done } = this.#write();
    const lease = await answer(kept.get("lease"));
    const free = !lease || lease.tab === tab || Math.abs(nowMs - lease.at_ms) > LEASE_MS;
    if (free || force) {
      kept.put({ tab, at_ms: nowMs }, "lease");
      this.tab = tab;
    }
    await done;
    return free || force;
  }

  /** Give the right to write back, so that another tab need not wait. */
  async release() {
    await this.#guarded(async ({ kept }) => { kept.delete("lease"); }).catch(() => {});
  }

  /** Store a scan and what is kept beside it; return the scan with its device sequence. */
  async addScan(scan, beside) {
    return this.#guarded(async ({ scans, kept }) => {
      const seq = ((await answer(kept.get("seq"))) ?? 0) + 1;
      const row = { ...scan, device_seq: seq };
      kept.put(seq, "seq");
      scans.add(row);
      for (const [key, value] of Object.entries(beside)) kept.put(value, key);
      return row;
    });
  }

  /** Return up to `limit` unsent scans, oldest first. */
  async waiting(limit) {
    const scans = this.db.transaction("scans").objectStore("scans");
    return answer(scans.getAll(null, limit));
  }

  /** Return how many scans wait to be sent. */
  async countWaiting() {
    return answer(this.db.transaction("scans").objectStore("scans").count());
  }

  /** Drop scans that the edge has answered and keep what their answers led to. */
  async settle(seqs, beside) {
    await this.#guarded(async ({ scans, kept }) => {
      for (const seq of seqs) scans.delete(seq);
      for (const [key, value] of Object.entries(beside)) kept.put(value, key);
    });
  }

  /** Keep values by name. */
  async keep(values) {
    await this.settle([], values);
  }

  /** Return the value kept under `key`, or undefined. */
  async get(key) {
    return answer(this.db.transaction("kept").objectStore("kept").get(key));
  }
}
