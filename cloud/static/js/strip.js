// One live strip: a sweep at 25 mm/s over a 1 mV grid, beats marked by their class letter.
//
// Only what is new is drawn: 24 strips on a wall stay cheap.

import { Axis, MM_PER_S } from "./axis.js";
import { Beats, drawLetter } from "./beats.js";
import { attribute, show, text } from "./dom.js";
import { drawGrid, fitGain, screenMm } from "./grid.js";
import { Heard } from "./heard.js";
import { Lane } from "./lane.js";
import { Playhead } from "./playhead.js";
import { Samples } from "./samples.js";

const MM_PER_REM = 4.23; // one mm is 3.78 px at 16 px a rem: life size on a common screen
const KEPT_S = 40;
const LETTER_HALF_REM = 0.6;
const reducedMotion = matchMedia("(prefers-reduced-motion: reduce)");

export class Strip {
  constructor(canvas, grid, lane, labels) {
    this.canvas = canvas;
    this.grid = grid;
    this.lane = new Lane(lane);
    this.beats = new Beats();
    this.labels = labels; // {gain, over}
    this.lead = 0;
    this.stream = "";
    this.heard = new Heard();
    this.gainAt = 0;
    this.steppedAt = 0;
    new ResizeObserver(() => this.resize()).observe(canvas);
  }

  /** A piece from the feed. */
  accept(piece, nowMs) {
    if (piece.stream !== this.stream) this.#begin(piece);
    const burst = piece.runs.reduce((sum, run) => sum + run.counts[0].length, 0);
    for (const run of piece.runs) this.samples.add(run);
    if (this.lead >= (this.leads?.length ?? 1)) this.lead = 0;
    for (const beat of piece.beats) this.#mark(beat);
    for (const [from, to] of this.lane.accept(piece)) this.#paintLane(from, to);
    show(this.lane.canvas, this.lane.used);
    this.leadOff = piece.lead_off;
    this.injected = piece.injected;
    if (burst === 0) return;
    this.heard.take(piece.heard_ms, nowMs);
    if (this.playhead.take(burst, this.samples)) {
      this.#fitGain();
      this.redraw();
    }
  }

  get leads() {
    return this.samples?.leads;
  }

  nextLead() {
    this.lead = (this.lead + 1) % (this.leads?.length ?? 1);
    this.#fitGain();
    this.redraw();
  }

  resize() {
    const ratio = Math.min(2, window.devicePixelRatio || 1);
    this.ratio = ratio;
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
    this.markRow = this.rem * 1.1;
    this.lane.resize(ratio);
    this.#setAxis();
    this.repaint();
  }

  /** Colours may have changed. */
  repaint() {
    const style = getComputedStyle(this.canvas);
    this.ink = (name) => style.getPropertyValue(name).trim();
    this.lane.recolour(this.ink, this.rem);
    this.#fitGain();
    this.#drawGrid();
    this.redraw();
  }

  /** Called for each frame. */
  frame(now) {
    this.#overlay(now);
    if (this.playhead?.at == null || !this.width) return;
    if (reducedMotion.matches && now - this.steppedAt < 1000) return;
    const elapsed = Math.min(1.2, (now - (this.steppedAt || now)) / 1000);
    this.steppedAt = now;
    if (now - this.gainAt > 3000 && this.#fitGain()) this.redraw();
    this.playhead.advance(elapsed, this.samples.end);
    this.#draw();
  }

  #begin(piece) {
    this.stream = piece.stream;
    this.fs = piece.fs;
    this.unit = piece.unit;
    this.samples = new Samples(Math.ceil(piece.fs * KEPT_S), piece.unit_per_count);
    this.beats.begin(piece.fs);
    this.lane.begin(piece.fs);
    this.#setAxis();
    this.playhead = new Playhead(piece.fs);
    this.drawnTo = null;
    this.gain = null;
    this.clear();
  }

  #mark(beat) {
    const stretch = this.beats.add(beat);
    if (!stretch || this.drawnTo == null || !this.gain) return;
    const [from, to] = beat.activation ? stretch
      : [beat.at - this.#reach(), beat.at + this.#reach()];
    if (from < this.drawnTo) this.#repaint(from, to);
  }

  #setAxis() {
    if (this.fs && this.width) this.axis = new Axis(this.fs, this.mm, this.width, this.ratio);
  }

  /** The oldest position that is on the screen. */
  #oldest() {
    return Math.max(this.samples.first, this.drawnTo - this.axis.window + this.axis.gap);
  }

  clear() {
    if (this.width) this.canvas.getContext("2d").clearRect(0, 0, this.width, this.height);
    this.lane.clear();
  }

  /** All of the window anew. */
  redraw() {
    if (this.playhead?.at == null || !this.width || !this.gain) return;
    this.clear();
    this.drawnTo = Math.floor(this.playhead.at);
    this.#repaint(-Infinity, Infinity);
    this.#paintLane(-Infinity, Infinity);
  }

  #draw() {
    const to = Math.floor(this.playhead.at);
    const from = this.drawnTo;
    const { window, gap } = this.axis;
    if (from == null || !this.gain || to - from >= window - gap) {
      this.redraw();
      return;
    }
    if (to <= from) return;
    this.#wipe(from + gap, to + gap);
    this.lane.wipe(this.axis, from + gap, to + gap);
    this.drawnTo = to;
    this.#paint(from, to);
    this.#paintLane(from, to);
  }

  #paint(from, to) {
    const context = this.canvas.getContext("2d");
    this.beats.shade(context, this.axis, from, to, this.height - this.markRow, this.ink);
    this.#line(from, to);
    for (const beat of this.beats.between(from, to)) this.#letter(beat);
  }

  /** Samples from a letter's middle to its edge. */
  #reach() {
    return Math.ceil((this.rem * LETTER_HALF_REM) / this.axis.step);
  }

  /** A stretch that has been drawn already, anew. */
  #repaint(from, to) {
    const { step, gap } = this.axis;
    const reach = this.#reach();
    const pixel = Math.ceil(1 / step);
    // Nothing may reach into what is wiped already: it would stand there for a whole sweep.
    from = Math.max(Math.floor(from), this.#oldest() + pixel);
    to = Math.min(to, this.drawnTo + Math.min(reach, gap - pixel)); // a letter's second half
    const context = this.canvas.getContext("2d");
    context.save();
    context.beginPath();
    for (const [x0, x1] of this.axis.spans(from, to)) context.rect(x0, 0, x1 - x0, this.height);
    context.clip();
    context.clearRect(0, 0, this.width, this.height);
    this.#paint(from - reach, Math.min(to + reach, this.drawnTo));
    context.restore();
  }

  #paintLane(from, to) {
    if (this.drawnTo == null || !this.axis) return;
    const oldest = this.#oldest();
    [from, to] = [Math.max(from, oldest), Math.min(to, this.drawnTo)];
    if (to > from) this.lane.paint(this.axis, from, to, oldest, this.drawnTo);
  }

  #wipe(from, to) {
    const context = this.canvas.getContext("2d");
    const half = this.rem * LETTER_HALF_REM;
    const ahead = half / this.axis.step - this.axis.window;
    // A letter goes as a whole, not slice by slice.
    for (const { at } of this.beats.between(from + ahead, to + ahead)) {
      context.clearRect(this.#letterX(at) - half, this.height - this.markRow, 2 * half, this.markRow);
    }
    const a = this.axis.x(from);
    const b = this.axis.x(to);
    if (b >= a) context.clearRect(a, 0, b - a + 1, this.height);
    else {
      context.clearRect(a, 0, this.width - a + this.axis.step, this.height);
      context.clearRect(0, 0, b + 1, this.height);
    }
  }

  #line(from, to) {
    const context = this.canvas.getContext("2d");
    context.strokeStyle = this.ink("--trace");
    context.lineWidth = Math.max(1.2, this.rem / 11);
    const row = this.height - this.markRow;
    const y = (value) => Math.min(row, Math.max(1, this.base - value * this.gain.mm * this.mm));
    this.samples.draw(context, this.lead, from, to, (position) => this.axis.x(position), y);
  }

  #letterX(at) {
    const half = this.rem * 0.5;
    return Math.min(this.width - half, Math.max(half, this.axis.x(at)));
  }

  #letter({ at, label }) {
    const context = this.canvas.getContext("2d");
    const y = this.height - this.markRow / 2;
    drawLetter(context, label, this.#letterX(at), y, this.rem * 0.72, this.ink);
  }

  /** The largest gain at which what is on the screen fits; true where it changed. */
  #fitGain() {
    this.gainAt = performance.now();
    if (!this.leads || !this.width) return false;
    const { end } = this.samples;
    const values = this.samples.between(this.lead, end - this.axis.window, end);
    if (values.length < this.fs / 2) values.push(-0.5, 1);
    values.sort((a, b) => a - b);
    const room = this.height - this.markRow - 4;
    const { gain, base } = fitGain(values, this.unit, room, this.mm);
    if (this.gain === gain && Math.abs(base - this.base) < 4 * this.mm) return false;
    Object.assign(this, { gain, base });
    text(this.labels.gain, `${gain.label} · ${MM_PER_S} mm/s`);
    this.#drawGrid();
    return true;
  }

  #drawGrid() {
    if (!this.width) return;
    const base = this.base ?? this.height / 2;
    const mmPerMv = this.unit === "mV" && this.gain ? this.gain.mm : null;
    drawGrid(this.grid, this.width, this.height, { mm: this.mm, base, mmPerMv }, this.ink);
  }

  #overlay(now) {
    const off = (this.leadOff >> this.lead) & 1;
    text(this.labels.over, this.heard.words(now) || (off ? "lead off" : ""));
    attribute(this.canvas.parentElement, "data-still", this.heard.silent(now) ? "" : null);
    attribute(this.canvas.parentElement, "data-injected", this.injected ? "" : null);
  }
}

/** Draw all strips, frame by frame. */
export function animate(strips) {
  const loop = (now) => {
    for (const strip of strips()) strip.frame(now);
    requestAnimationFrame(loop);
  };
  requestAnimationFrame(loop);
}
