/* The edge's answers against what was said here: mostly the same, and when not, a person must know.

   While the refused scan is still the newest one, the screen simply turns red or amber. When others
   followed it, it becomes a trouble: a line in a red list that stays until it is put right. */

const wasGood = (answer) => answer.outcome === "accepted"
  || (answer.outcome === "duplicate" && answer.signal === "right");

const told = (scan, answer) => ({
  accepted: false,
  code: answer.code,
  signal: answer.signal === "right" ? "stop" : answer.signal,
  params: { ...answer.params, code: scan.raw },
  message: answer.message,
  op_id: scan.op_id,
});

/** The unit counts, but for another parcel than this page said: it lies in the wrong tote. */
function otherTote(scan, answer) {
  const slot = answer.params?.slot;
  if (!scan.slot || !slot || slot === scan.slot) return undefined;
  return {
    accepted: false, code: "other_tote", signal: "stop", op_id: scan.op_id,
    params: { code: scan.raw, slot, said: scan.slot },
  };
}

/** The unit was red here and yet it counts: it has to go into its tote after all. */
const counted = (scan, answer) => ({
  accepted: false, code: "counted", signal: "stop", op_id: scan.op_id,
  params: { code: scan.raw, slot: answer.params.slot },
});

/** Return whether the edge says the opposite of what was said here. */
export const contradicts = (scan, answer) =>
  scan.accepted !== null && scan.accepted !== wasGood(answer);

/** Return what is wrong about what was said here, or undefined. */
function mistake(scan, answer) {
  const isGood = wasGood(answer);
  if (scan.accepted === true) return isGood ? otherTote(scan, answer) : told(scan, answer);
  if (scan.accepted === false && isGood && answer.params?.slot) return counted(scan, answer);
  return undefined;
}

/** Return a red or amber screen completed by what the edge knows. Red never turns amber. */
function enriched(shown, answer, scan) {
  const edge = told(scan, answer);
  const isSame = edge.code === shown.code;
  const known = isSame ? Object.entries(shown.params).filter(([, value]) => value !== "") : [];
  return {
    ...edge,
    signal: shown.signal === "stop" ? "stop" : edge.signal,
    params: { ...edge.params, ...Object.fromEntries(known) },
  };
}

const without = (taken, opId) =>
  Object.fromEntries(Object.entries(taken).filter(([, unit]) => unit.op_id !== opId));

/** Apply one answer: `{state, trouble, green}`.

    `trouble` is null unless a person must be told later; `green` is the tote of a unit that was red
    on the screen until now and counts after all. */
export function settle(state, scan, answer) {
  const isGood = wasGood(answer);
  const now = { ...state.now };
  const isShown = now.shown?.op_id === scan.op_id;
  const wrong = mistake(scan, answer);
  const result = { trouble: null, green: null };
  if (now.waiting?.op_id === scan.op_id) {
    now.waiting = null;
    now.shown = isGood ? null : told(scan, answer);
    if (isGood && now.step === "cart") now.started_ms = scan.at_ms;
  } else if (isShown && isGood) {
    now.shown = null;
    result.green = answer.params?.slot ? { ...answer.params, code: scan.raw } : null;
  } else if (isShown) {
    now.shown = enriched(now.shown, answer, scan);
  } else if (wrong) {
    if (!isGood) now.taken = without(now.taken, scan.op_id);
    if (now.newest === scan.op_id) now.shown = wrong;
    else result.trouble = wrong;
  }
  return { state: { ...state, now }, ...result };
}
