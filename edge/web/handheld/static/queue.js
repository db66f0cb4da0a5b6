/* Sending scans: in order, each as often as needed, counted once.

   The edge recognises a scan by its `op_id` and answers a repeat with its first answer, so the
   sender may always send again. It stops at the first failure to reach the edge and tries again
   when the network, the screen or the clock gives it reason to. */

export const BATCH_MAX = 64;
export const TIMEOUT_MS = 4000;
export const RETRY_MS = [500, 1000, 2000, 4000, 8000, 15000];

/** The edge could not be reached or is too busy; the same scans are sent again later.
    `code` says why when the edge did: `storage_full`, `storage_failed`, else "". */
export class Unreachable extends Error {
  constructor(message, code = "") {
    super(message);
    this.code = code;
  }
}

const codeOf = async (response) => {
  try {
    return (await response.json()).code ?? "";
  } catch {
    return "";
  }
};

/** GET or POST JSON; Unreachable when there is no usable answer, else `{ok, status, body}`. */
export async function ask(path, body, timeoutMs = TIMEOUT_MS) {
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), timeoutMs);
  try {
    const response = await fetch(path, {
      method: body === undefined ? "GET" : "POST",
      headers: body === undefined ? {} : { "Content-Type": "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: stop.signal,
      cache: "no-store",
      credentials: "same-origin",
    });
    if (response.status >= 500 || [408, 425, 429].includes(response.status)) {
      throw new Unreachable(`the edge answered ${response.status}`, await codeOf(response));
    }
    return { ok: response.ok, status: response.status, body: await response.json() };
  } catch (error) {
    throw error instanceof Unreachable ? error : new Unreachable(String(error));
  } finally {
    clearTimeout(timer);
  }
}

const wire = ({ op_id, device_id, device_seq, station, raw }) =>
  ({ op_id, device_id, device_seq, station, raw });

/** An answer for a scan that the edge cannot read at all, so that it blocks nobody behind it. */
const unreadable = (scan, problem) => ({
  op_id: scan.op_id,
  outcome: "rejected",
  code: problem.code ?? "invalid_request",
  signal: "stop",
  message: [problem.detail, problem.hint].filter(Boolean).join(" "),
  params: {},
});

/** Post scans in order and return their answers in the same order. */
export async function post(scans) {
  const { ok, body } = await ask("/api/v1/scans", scans.map(wire));
  if (ok) return body;
  if (scans.length === 1) return [unreadable(scans[0], body)];
  const answers = [];
  for (const scan of scans) answers.push(...(await post([scan])));
  return answers;
}

/** Send what is stored until nothing waits, one batch at a time, never two at once.

    `hooks.answered(scans, answers)` settles a batch; `hooks.link(up, code)` hears about the
    network, or why the edge takes nothing; `hooks.drained()` runs when all is sent. */
export class Sender {
  #busy = false;
  #again = false;
  #failures = 0;
  #timer = 0;

  constructor(store, hooks) {
    this.store = store;
    this.hooks = hooks;
  }

  /** Try now. Safe to call at any time and any number of times. */
  async kick() {
    if (this.#busy) {
      this.#again = true;
      return;
    }
    this.#busy = true;
    clearTimeout(this.#timer);
    try {
      do {
        this.#again = false;
        await this.#sendAll();
      } while (this.#again);
    } catch (error) {
      if (!(error instanceof Unreachable)) throw error;
      this.#retryLater(error.code);
    } finally {
      this.#busy = false;
    }
  }

  async #sendAll() {
    for (;;) {
      const scans = await this.store.waiting(BATCH_MAX);
      if (scans.length === 0) break;
      const answers = await post(scans);
      this.#reached();
      await this.hooks.answered(scans, answers);
    }
    await this.hooks.drained();
    this.#reached();
  }

  #reached() {
    this.#failures = 0;
    this.hooks.link(true);
  }

  #retryLater(code) {
    const wait = RETRY_MS[Math.min(this.#failures, RETRY_MS.length - 1)];
    this.#failures += 1;
    this.hooks.link(false, code);
    this.#timer = setTimeout(() => this.kick(), wait);
  }
}
