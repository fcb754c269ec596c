// When the samples of a sweep came last, by the feed's clock: a page that is opened later shows
// what the feed has kept, and must not take it for live.

import { when } from "./format.js";

const SILENT_MS = 2500;

export class Heard {
  #at = -Infinity; // by the clock of the frames
  #ms = null; // since 1970

  take(heardMs, nowMs) {
    this.#ms = heardMs;
    this.#at = performance.now() - Math.max(0, nowMs - heardMs);
  }

  /** Whether nothing has come for too long; `now` of the frame. */
  silent(now) {
    return now - this.#at > SILENT_MS;
  }

  /** What to say of it; "" of a sweep that moves. */
  words(now) {
    if (this.#ms == null) return "no waveform yet";
    return this.silent(now) ? `no waveform since ${when(this.#ms, this.#ms + now - this.#at)}` : "";
  }
}
