// One live strip: a sweep at 25 mm/s over a 1 mV grid, beats marked by their class letter.
//
// Samples come in bursts; a playhead moves evenly behind them, and speeds up or slows down a
// little to keep a steady distance. Only what is new is drawn: 24 strips on a wall stay cheap.

import { attribute, text } from "./dom.js";
import { clock } from "./format.js";

const MM_PER_S = 25;
const MM_PER_REM = 4.23; // one mm is 3.78 px at 16 px a rem: life size on a common screen
const KEPT_S = 40;
const SILENT_MS = 2500;
const GAINS = {
  mV: [20, 10, 5, 2.5, 1.25].map((mm) => ({ mm, label: `${mm} mm/mV` })),
  uV: [1, 2, 5, 7, 10, 15, 20, 50, 100].map((uv) => ({ mm: 1 / uv, label: `${uv} µV/mm` })),
};
const reducedMotion = matchMedia("(prefers-reduced-motion: reduce)");

export class Strip {
  constructor(canvas, grid, labels) {
    this.canvas = canvas;
    this.grid = grid;
    this.labels = labels; // {lead, gain, over}
    this.lead = 0;
    this.stream = "";
    this.heardAt = -Infinity;
    this.heardMs = null;
    this.gainAt = 0;
    this.steppedAt = 0;
    new ResizeObserver(() => this.resize()).observe(canvas);
  }

  /** A piece from the feed. */
  accept(piece, nowMs) {
    if (piece.stream !== this.stream) this.#begin(piece);
    const burst = piece.runs.reduce((sum, run) => sum + run.counts[0].length, 0);
    for (const run of piece.runs) this.#store(run);
    for (const beat of piece.beats) this.#mark(beat);
    this.leadOff = piece.lead_off;
    this.injected = piece.injected;
    if (burst === 0) return;
    this.heardAt = performance.now();
    this.heardMs = nowMs;
    const wanted = Math.min(3, Math.max(0.5, (1.5 * burst) / this.fs)) * this.fs;
    if (burst < 5 * this.fs) this.distance += 0.1 * (wanted - this.distance);
    if (this.playhead == null) {
      this.playhead = Math.max(this.first, this.end - this.distance);
      this.#fitGain();
      this.redraw();
    }
  }

  nextLead() {
    this.lead = (this.lead + 1) % (this.leads?.length ?? 1);
    this.#fitGain();
    this.redraw();
  }

  resize() {
    const ratio = Math.min(2, window.devicePixelRatio || 1);
    const box = this.canvas.getBoundingClientRect();
    for (const canvas of [this.canvas, this.grid]) {
      canvas.width = Math.max(1, Math.round(box.width * ratio));
      canvas.height = Math.max(1, Math.round(box.height * ratio));
      canvas.getContext("2d").setTransform(ratio, 0, 0, ratio, 0, 0);
    }
    this.width = box.width;
    this.height = box.height;
    this.rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
    this.mm = screenMm(this.rem / MM_PER_REM, this.width, this.height);
    this.markRow = this.rem * 0.95;
    this.repaint();
  }

  /** Colours may have changed. */
  repaint() {
    const style = getComputedStyle(this.canvas);
    this.ink = (name) => style.getPropertyValue(name).trim();
    this.#fitGain();
    this.#drawGrid();
    this.redraw();
  }

  /** Called for each frame. */
  frame(now) {
    const silent = now - this.heardAt > SILENT_MS;
    this.#overlay(silent);
    if (this.playhead == null || !this.width) return;
    if (reducedMotion.matches && now - this.steppedAt < 1000) return;
    const elapsed = Math.min(1.2, (now - (this.steppedAt || now)) / 1000);
    this.steppedAt = now;
    if (now - this.gainAt > 3000 && this.#fitGain()) this.redraw();
    this.#advance(elapsed);
    this.#draw();
  }

  #begin(piece) {
    this.stream = piece.stream;
    this.fs = piece.fs;
    this.unit = piece.unit;
    this.perCount = piece.unit_per_count;
    this.size = Math.ceil(piece.fs * KEPT_S);
    this.leads = null;
    this.marks = new Map();
    this.end = null;
    this.playhead = null;
    this.drawnTo = null;
    this.distance = piece.fs; // until the rhythm of the bursts is known
    this.gain = null;
    this.clear();
  }

  #store(run) {
    const n = run.counts[0].length;
    this.leads ??= run.counts.map(() => new Float32Array(this.size).fill(NaN));
    if (this.lead >= this.leads.length) this.lead = 0;
    this.first ??= run.start;
    if (this.end == null) this.first = this.end = run.start;
    const gapFrom = Math.max(this.end, run.start + n - this.size);
    this.leads.forEach((ring, lead) => {
      for (let p = gapFrom; p < run.start; p++) ring[p % this.size] = NaN;
      const counts = run.counts[lead] ?? [];
      for (let i = Math.max(0, n - this.size); i < n; i++) {
        ring[(run.start + i) % this.size] = counts[i] == null ? NaN : counts[i] * this.perCount;
      }
    });
    this.end = Math.max(this.end, run.start + n);
    this.first = Math.max(this.first, this.end - this.size);
  }

  #mark(beat) {
    this.marks.set(beat.at, beat.label);
    if (this.marks.size > 400) this.marks.delete(this.marks.keys().next().value);
    const shownFrom = this.drawnTo - this.#window() + this.#gap();
    if (this.drawnTo != null && beat.at <= this.drawnTo && beat.at > shownFrom) {
      this.#letter(beat.at, beat.label);
    }
  }

  #advance(elapsed) {
    const behind = (this.end - this.playhead - this.distance) / this.distance;
    // Within half the distance the sweep looks even; beyond it catches up, a replay at many
    // times its speed included.
    const rate = 1 + (Math.abs(behind) < 0.5 ? 0.1 * behind : 0.5 * behind);
    this.playhead += this.fs * elapsed * Math.max(0, rate);
    this.playhead = Math.min(this.playhead, this.end);
    if (this.end - this.playhead > 6 * this.fs) this.playhead = this.end - this.distance;
  }

  #step() { return (this.mm * MM_PER_S) / this.fs; } // px a sample
  #window() { return Math.max(8, Math.floor(this.width / this.#step())); }
  #gap() { return Math.max(4, Math.ceil((this.mm * 5) / this.#step())); }
  #x(position) { return (position % this.#window()) * this.#step(); }

  #y(value) {
    const px = this.gain.mm * this.mm;
    return this.base - value * px;
  }

  clear() {
    if (this.width) this.canvas.getContext("2d").clearRect(0, 0, this.width, this.height);
  }

  /** All of the window anew. */
  redraw() {
    if (this.playhead == null || !this.width || !this.gain) return;
    this.clear();
    const to = Math.floor(this.playhead);
    this.drawnTo = Math.max(this.first, to - this.#window() + this.#gap());
    const from = this.drawnTo;
    this.#line(from, to);
    this.drawnTo = to;
    for (const [at, label] of this.marks) if (at > from && at <= to) this.#letter(at, label);
  }

  #draw() {
    const to = Math.floor(this.playhead);
    const from = this.drawnTo;
    if (from == null || !this.gain || to - from >= this.#window() - this.#gap()) {
      this.redraw();
      return;
    }
    if (to <= from) return;
    this.#wipe(from + this.#gap(), to + this.#gap());
    this.#line(from, to);
    this.drawnTo = to;
    for (const [at, label] of this.marks) if (at > from && at <= to) this.#letter(at, label);
  }

  #wipe(from, to) {
    const context = this.canvas.getContext("2d");
    const half = this.rem * 0.45;
    const ahead = half / this.#step() - this.#window();
    for (const at of this.marks.keys()) { // a letter goes as a whole, not slice by slice
      if (at <= from + ahead || at > to + ahead) continue;
      context.clearRect(this.#letterX(at) - half, this.height - this.markRow, 2 * half, this.markRow);
    }
    const a = this.#x(from);
    const b = this.#x(to);
    if (b >= a) context.clearRect(a, 0, b - a + 1, this.height);
    else {
      context.clearRect(a, 0, this.width - a + this.#step(), this.height);
      context.clearRect(0, 0, b + 1, this.height);
    }
  }

  #line(from, to) {
    const context = this.canvas.getContext("2d");
    const ring = this.leads[this.lead];
    context.strokeStyle = this.ink("--trace");
    context.lineWidth = Math.max(1.2, this.rem / 11);
    context.lineJoin = "round";
    context.beginPath();
    let pen = false;
    let lastX = -1;
    for (let p = Math.max(from, this.first); p <= Math.min(to, this.end - 1); p++) {
      const value = ring[p % this.size];
      const x = this.#x(p);
      if (Number.isNaN(value) || x < lastX) pen = false;
      lastX = x;
      if (Number.isNaN(value)) continue;
      const y = Math.min(this.height - this.markRow, Math.max(1, this.#y(value)));
      if (pen) context.lineTo(x, y);
      else context.moveTo(x, y);
      pen = true;
    }
    context.stroke();
  }

  #letterX(at) {
    const half = this.rem * 0.45;
    return Math.min(this.width - half, Math.max(half, this.#x(at)));
  }

  #letter(at, label) {
    const context = this.canvas.getContext("2d");
    const x = this.#letterX(at);
    const plain = label === "N" || label === "Q";
    const size = this.rem * 0.72;
    const y = this.height - this.markRow / 2;
    context.font = `${plain ? 500 : 800} ${size}px ${this.ink("--sans")}`;
    context.textAlign = "center";
    context.textBaseline = "middle";
    if (!plain) {
      context.fillStyle = this.ink("--beat-box");
      context.fillRect(x - size * 0.6, y - size * 0.6, size * 1.2, size * 1.2);
    }
    context.fillStyle = this.ink(plain ? "--beat" : "--beat-odd");
    context.fillText(label, x, y);
  }

  /** The largest gain at which what is on the screen fits; true where it changed. */
  #fitGain() {
    this.gainAt = performance.now();
    if (!this.leads || !this.width) return false;
    const ring = this.leads[this.lead];
    const values = [];
    const from = Math.max(this.first, this.end - this.#window());
    for (let p = from; p < this.end; p++) {
      const value = ring[p % this.size];
      if (!Number.isNaN(value)) values.push(value);
    }
    if (values.length < this.fs / 2) values.push(-0.5, 1);
    values.sort((a, b) => a - b);
    const low = values[Math.floor(values.length * 0.002)];
    const high = values[Math.ceil(values.length * 0.998) - 1];
    const room = this.height - this.markRow - 4;
    const gains = GAINS[this.unit] ?? GAINS.mV;
    const needs = (g) => (high - low) * g.mm * this.mm;
    // Twice life size only for a clear signal with much room: else noise looks like a heart.
    const usable = (g) => (g.mm > 10 ? high - low > 0.6 && needs(g) < 0.6 * room : needs(g) <= room);
    const fits = gains.find(usable) ?? gains.at(-1);
    const base = 2 + room / 2 + ((high + low) / 2) * fits.mm * this.mm;
    const same = this.gain === fits && Math.abs(base - this.base) < 4 * this.mm;
    if (same) return false;
    this.gain = fits;
    this.base = base;
    text(this.labels.gain, `${fits.label} · ${MM_PER_S} mm/s`);
    this.#drawGrid();
    return true;
  }

  #drawGrid() {
    if (!this.width) return;
    const context = this.grid.getContext("2d");
    context.clearRect(0, 0, this.width, this.height);
    const base = this.base ?? this.height / 2;
    const lines = (step, colour) => {
      context.strokeStyle = colour;
      context.lineWidth = 1;
      context.beginPath();
      for (let x = 0.5; x < this.width; x += step) {
        context.moveTo(Math.round(x) + 0.5, 0);
        context.lineTo(Math.round(x) + 0.5, this.height);
      }
      for (let y = base % step; y < this.height; y += step) {
        context.moveTo(0, Math.round(y) + 0.5);
        context.lineTo(this.width, Math.round(y) + 0.5);
      }
      context.stroke();
    };
    lines(this.mm * 5, this.ink("--grid")); // 0.2 s, 0.5 mV at 10 mm/mV
    if (this.unit !== "mV" || !this.gain) return;
    const oneMv = this.gain.mm * this.mm;
    context.strokeStyle = this.ink("--grid-mv");
    context.lineWidth = 1;
    context.beginPath();
    for (let y = base % oneMv; y < this.height; y += oneMv) {
      context.moveTo(0, Math.round(y) + 0.5);
      context.lineTo(this.width, Math.round(y) + 0.5);
    }
    context.stroke();
  }

  #overlay(silent) {
    let words = "";
    if (this.heardMs == null) words = "no waveform yet";
    else if (silent) words = `no waveform since ${clock(this.heardMs)}`;
    else if ((this.leadOff >> this.lead) & 1) words = "lead off";
    text(this.labels.over, words);
    attribute(this.canvas.parentElement, "data-still", silent ? "" : null);
    attribute(this.canvas.parentElement, "data-injected", this.injected ? "" : null);
  }
}

/** Pixels of one mm: life size, smaller where 4 s would not fit, larger where there is room. */
function screenMm(life, width, height) {
  const largest = width / (MM_PER_S * 4);
  const roomy = Math.min(width / (MM_PER_S * 7), height / 45);
  return Math.min(largest, Math.max(life, roomy));
}

/** Draw all strips, frame by frame. */
export function animate(strips) {
  const loop = (now) => {
    for (const strip of strips()) strip.frame(now);
    requestAnimationFrame(loop);
  };
  requestAnimationFrame(loop);
}
