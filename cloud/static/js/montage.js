// The lanes of an EEG: one under the other, all of one scale, swept over some seconds. A lead
// that cannot be read is drawn dim, one that is off is not drawn; seizures are shaded.

import { Axis, MM_PER_S } from "./axis.js";
import { attribute, text } from "./dom.js";
import { Heard } from "./heard.js";
import { Lane } from "./lane.js";
import { LeadStates } from "./leads.js";
import { Playhead } from "./playhead.js";
import { Samples } from "./samples.js";
import { SEIZURE_STACK } from "./seizure.js";

const KEPT_S = 25;
const SCALES_UV = [20, 30, 50, 70, 100, 150, 200, 300, 500, 700, 1000, 1500, 2000, 3000, 5000]; // from lane to lane
const FILLED = 1.1; // of the way to the next lane, by all but the largest samples
const LARGEST = 0.05; // of all samples: one wild lead of 23 must not flatten the others
const REACH = 0.9; // of that way, to either side: a spike may touch its neighbour's lane
const LANE_REM = 0.86; // the lowest lane that has room for its label
const WIDE_REM = 30; // from here on the screen shows 10 s, below it 5 s
const STEP_S = 0.03; // the sweep goes on by at least so much: many lanes stay cheap
const reducedMotion = matchMedia("(prefers-reduced-motion: reduce)");

export class Montage {
  /** @param labels {gain, over}  @param onLayout called where other lanes are shown */
  constructor(canvas, lane, labels, onLayout) {
    Object.assign(this, { canvas, labels, onLayout });
    this.lane = new Lane(lane, SEIZURE_STACK);
    this.states = new LeadStates();
    this.seizures = [];
    this.stream = "";
    this.first = 0; // lead of the top lane
    this.shown = 0; // lanes
    this.heard = new Heard();
    this.gainAt = this.steppedAt = 0;
    new ResizeObserver(() => this.resize()).observe(canvas);
  }

  get n() {
    return this.samples?.leads?.length ?? 0;
  }

  /** A piece from the feed. */
  accept(piece, nowMs) {
    if (piece.stream !== this.stream) this.#begin(piece);
    const burst = piece.runs.reduce((sum, run) => sum + run.counts[0].length, 0);
    const before = this.n;
    for (const run of piece.runs) this.samples.add(run);
    if (this.n !== before) this.#layOut();
    const changed = piece.leads.filter((change) => this.states.add(change)).length;
    if (piece.seizures && JSON.stringify(piece.seizures) !== JSON.stringify(this.seizures)) {
      this.seizures = piece.seizures;
      this.stale = true;
    }
    if (changed) {
      this.stale = true;
      this.onLayout();
    }
    for (const [from, to] of this.lane.accept(piece)) this.#paintLane(from, to);
    this.injected = piece.injected;
    if (burst === 0) return;
    this.heard.take(piece.heard_ms, nowMs);
    if (this.playhead.take(burst, this.samples)) {
      this.#fitGain();
      this.redraw();
    }
  }

  /** The next leads, where not all have room. */
  nextLeads() {
    this.first = this.first + this.shown < this.n ? this.first + this.shown : 0;
    this.#layOut();
    this.redraw();
  }

  resize() {
    this.ratio = Math.min(2, window.devicePixelRatio || 1);
    const box = this.canvas.getBoundingClientRect();
    this.canvas.width = Math.max(1, Math.round(box.width * this.ratio));
    this.canvas.height = Math.max(1, Math.round(box.height * this.ratio));
    this.canvas.getContext("2d").setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    [this.width, this.height] = [box.width, box.height];
    this.rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
    this.seconds = this.width < WIDE_REM * this.rem ? 5 : 10;
    this.lane.resize(this.ratio);
    this.#setAxis();
    this.#layOut();
    this.repaint();
  }

  /** Colours may have changed. */
  repaint() {
    const style = getComputedStyle(this.canvas);
    this.ink = (name) => style.getPropertyValue(name).trim();
    this.lane.recolour(this.ink, this.rem);
    this.#fitGain();
    this.redraw();
  }

  /** Called for each frame. */
  frame(now) {
    text(this.labels.over, this.heard.words(now));
    attribute(this.canvas.parentElement, "data-still", this.heard.silent(now) ? "" : null);
    attribute(this.canvas.parentElement, "data-injected", this.injected ? "" : null);
    if (this.playhead?.at == null || !this.width) return;
    if (reducedMotion.matches && now - this.steppedAt < 1000) return;
    const elapsed = Math.min(1.2, (now - (this.steppedAt || now)) / 1000);
    this.steppedAt = now;
    this.playhead.advance(elapsed, this.samples.end);
    if ((now - this.gainAt > 3000 && this.#fitGain()) || this.stale) this.redraw();
    else this.#draw();
  }

  #begin(piece) {
    this.stream = piece.stream;
    this.fs = piece.fs;
    this.samples = new Samples(Math.ceil(piece.fs * KEPT_S), piece.unit_per_count);
    this.states = new LeadStates();
    this.seizures = [];
    this.playhead = new Playhead(piece.fs);
    this.drawnTo = this.scale = null;
    this.lane.begin(piece.fs);
    this.#setAxis();
    this.#clear();
  }

  #setAxis() {
    if (!this.fs || !this.width) return;
    this.axis = new Axis(this.fs, this.width / (MM_PER_S * this.seconds), this.width, this.ratio);
  }

  /** As many lanes as have room for a label each. */
  #layOut() {
    if (!this.n || !this.height) return;
    const room = Math.max(1, Math.floor(this.height / (LANE_REM * this.rem)));
    const pages = Math.ceil(this.n / room);
    this.shown = Math.ceil(this.n / pages); // of even length
    this.first = Math.min(this.shown * Math.floor(this.first / this.shown), this.n - 1);
    this.onLayout();
  }

  #clear() {
    if (this.width) this.canvas.getContext("2d").clearRect(0, 0, this.width, this.height);
    this.lane.clear();
  }

  /** All of the window anew. */
  redraw() {
    if (this.playhead?.at == null || !this.width || !this.scale || !this.shown) return;
    this.stale = false;
    this.#clear();
    this.drawnTo = Math.floor(this.playhead.at);
    this.#paint(this.#oldest(), this.drawnTo);
    this.#paintLane(-Infinity, Infinity);
  }

  /** The oldest position that is on the screen. */
  #oldest() {
    return Math.max(this.samples.first, this.drawnTo - this.axis.window + this.axis.gap);
  }

  #draw() {
    const to = Math.floor(this.playhead.at);
    const from = this.drawnTo;
    const { window, gap } = this.axis;
    if (from == null || !this.scale || to - from >= window - gap) {
      this.redraw();
      return;
    }
    if (to - from < STEP_S * this.fs) return;
    const context = this.canvas.getContext("2d");
    for (const [x0, x1] of this.axis.spans(from + gap, to + gap)) {
      context.clearRect(x0, 0, x1 - x0 + 1, this.height);
    }
    this.lane.wipe(this.axis, from + gap, to + gap);
    this.drawnTo = to;
    this.#paint(from, to);
    this.#paintLane(from, to);
  }

  #paint(from, to) {
    const context = this.canvas.getContext("2d");
    this.#shade(context, from, to);
    context.lineWidth = Math.max(1, this.rem / 14);
    const pitch = this.height / this.shown;
    for (let row = 0; row < this.shown && this.first + row < this.n; row++) {
      const lead = this.first + row;
      const middle = (row + 0.5) * pitch;
      const y = (value) => {
        const up = Math.max(-REACH, Math.min(REACH, value / this.scale));
        return Math.max(1, Math.min(this.height - 1, middle - up * pitch));
      };
      for (const [a, b, state] of this.states.pieces(lead, from, to)) {
        if (state === "lead_off") continue;
        const readable = state === "good" || state === undefined;
        context.strokeStyle = this.ink(readable ? "--trace" : "--unread");
        this.samples.draw(context, lead, Math.ceil(a), Math.floor(b), (p) => this.axis.x(p), y);
      }
    }
  }

  /** A seizure of which an alarm tells: a ground behind the lanes, and a bar along their top. */
  #shade(context, from, to) {
    for (const seizure of this.seizures) {
      const a = Math.max(from, seizure.from);
      const b = Math.min(to, seizure.to ?? Infinity);
      for (const [x0, x1] of this.axis.spans(a, b)) {
        context.fillStyle = `rgb(${this.ink("--explains")} / 0.14)`;
        context.fillRect(x0, 0, x1 - x0, this.height);
        context.fillStyle = this.ink("--seizure");
        context.fillRect(x0, 0, x1 - x0, Math.max(3, this.rem / 5));
      }
    }
  }

  #paintLane(from, to) {
    if (this.drawnTo == null || !this.axis) return;
    const oldest = this.#oldest();
    [from, to] = [Math.max(from, oldest), Math.min(to, this.drawnTo)];
    if (to > from) this.lane.paint(this.axis, from, to, oldest, this.drawnTo);
  }

  /** The finest scale at which what can be read fits its lane; true where it changed. */
  #fitGain() {
    this.gainAt = performance.now();
    if (!this.n || !this.axis) return false;
    const { end } = this.samples;
    const sizes = [];
    for (let lead = 0; lead < this.n; lead++) {
      if (!["good", undefined].includes(this.states.now(lead))) continue;
      for (const value of this.samples.between(lead, end - this.axis.window, end)) sizes.push(Math.abs(value));
    }
    sizes.sort((a, b) => a - b);
    const needed = sizes.length ? (2 * sizes[Math.floor(sizes.length * (1 - LARGEST))]) / FILLED : SCALES_UV[4];
    const scale = SCALES_UV.find((uv) => uv >= needed) ?? SCALES_UV.at(-1);
    // One finer has to be clearly enough: a scale that goes to and fro hides what grows.
    const same = this.scale === scale || (scale < this.scale && needed > 0.85 * scale);
    if (!same) this.scale = scale;
    text(this.labels.gain, `${this.scale} µV lane to lane · ${this.seconds} s`);
    return !same;
  }
}
