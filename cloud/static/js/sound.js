// Alarm sounds after the burst patterns of IEC 60601-1-8: ten pulses for high, three for
// medium, one for low; rising and falling edges soft, several harmonics. Off until a click:
// browsers let no page sound before one.

import { $, attribute, text } from "./dom.js";

const PATTERNS = {
  high: { pulses: [0, 0.22, 0.44, 0.82, 1.04, 2.0, 2.22, 2.44, 2.82, 3.04], hz: 880, length: 0.14, every: 8 },
  medium: { pulses: [0, 0.4, 0.8], hz: 660, length: 0.2, every: 15 },
  low: { pulses: [0], hz: 440, length: 0.25, every: 30 },
};

export class Sound {
  #context = null;
  #on = false;
  #next = 0;
  #last = null;

  constructor() {
    $("sound").addEventListener("click", () => this.toggle());
  }

  async toggle() {
    this.#on = !this.#on;
    if (this.#on) {
      this.#context ??= new AudioContext();
      await this.#context.resume().catch(() => {});
      this.#next = 0;
      this.#pulse(0.02, 660, 0.08); // so that it is heard that sound is on
    }
    this.#label();
  }

  /** The most urgent priority that calls now, or null. */
  tick(priority) {
    this.#label();
    if (!this.#on || this.#context.state !== "running") return;
    if (priority !== this.#last) this.#next = 0;
    this.#last = priority;
    const now = this.#context.currentTime;
    if (!priority || now < this.#next) return;
    const { pulses, hz, length, every } = PATTERNS[priority];
    for (const [i, at] of pulses.entries()) this.#pulse(at + 0.02, hz * (i % 5 < 2 ? 1 : 1.26), length);
    this.#next = now + every;
  }

  #pulse(at, hz, length) {
    const start = this.#context.currentTime + at;
    const gain = this.#context.createGain();
    gain.gain.setValueAtTime(0, start);
    gain.gain.linearRampToValueAtTime(0.25, start + 0.02);
    gain.gain.setValueAtTime(0.25, start + length - 0.03);
    gain.gain.linearRampToValueAtTime(0, start + length);
    gain.connect(this.#context.destination);
    for (const [harmonic, level] of [[1, 1], [2, 0.5], [3, 0.35], [4, 0.2]]) {
      const wave = this.#context.createOscillator();
      const part = this.#context.createGain();
      part.gain.value = level / 2;
      wave.frequency.value = hz * harmonic;
      wave.connect(part).connect(gain);
      wave.start(start);
      wave.stop(start + length + 0.05);
    }
  }

  #label() {
    const blocked = this.#on && this.#context.state !== "running";
    text($("sound"), blocked ? "Sound blocked" : this.#on ? "Sound on" : "Sound off");
    attribute($("sound"), "aria-pressed", String(this.#on));
  }
}
