/* Three signals that gloves, noise and tired eyes can tell apart: sound and vibration.

   The full-screen colour is drawn by view.js. The figures are the ones in the look's table. */

const SIGNALS = {
  right: { tones: [[1320, 0, 90]], wave: "sine", buzz: [40] },
  attention: { tones: [[880, 0, 110], [880, 170, 110]], wave: "sine", buzz: [60, 60, 60] },
  stop: { tones: [[330, 0, 220], [330, 280, 220]], wave: "sawtooth", buzz: [300, 100, 300] },
};
const LOUDNESS = 0.4;
const EDGE_SECONDS = 0.004; // a soft start and end, or the loudspeaker clicks

let audio = null;

/** Wake the loudspeaker; browsers allow it from the first key or touch on. */
export function wake() {
  audio ??= globalThis.AudioContext ? new AudioContext() : null;
  if (audio?.state === "suspended") audio.resume().catch(() => {});
}

/** Sound and vibrate one of `right`, `attention`, `stop`. */
export function signal(name) {
  const { tones, wave, buzz } = SIGNALS[name];
  document.documentElement.dataset.signal = name; // what was last signalled, for support
  if (navigator.userActivation?.hasBeenActive ?? true) navigator.vibrate?.(buzz);
  wake();
  if (audio?.state !== "running") return;
  for (const [hertz, afterMs, lengthMs] of tones) {
    const from = audio.currentTime + afterMs / 1000;
    const to = from + lengthMs / 1000;
    const tone = audio.createOscillator();
    const volume = audio.createGain();
    tone.type = wave;
    tone.frequency.value = hertz;
    volume.gain.setValueAtTime(0, from);
    volume.gain.linearRampToValueAtTime(LOUDNESS, from + EDGE_SECONDS);
    volume.gain.setValueAtTime(LOUDNESS, to - EDGE_SECONDS);
    volume.gain.linearRampToValueAtTime(0, to);
    tone.connect(volume).connect(audio.destination);
    tone.start(from);
    tone.stop(to);
  }
}
