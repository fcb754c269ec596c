// The lane under a strip: what a model says of the same seconds, stacked from the bottom by
// its probability. Normal is the empty ground; what nobody could analyse is hatched.
//
// `axis` is the strip's time axis: `spans(from, to)` gives the pieces [x0, x1, from, to] of a
// stretch of samples on the screen, in whole device pixels: two, where it passes the right edge.

const OPINION_S = 1.5; // an answer speaks for the second before it, not for a hole before that
const PENDING_S = 2.5; // an answer that is later than this is none
const KEPT = 60;
const NAMED_FROM = 0.5; // of a probability: the words stand in the lane

// From the bottom: what must never be overlooked lies on the ground line.
export const STACK = [
  { label: "shockable", ink: "--shockable", short: "VT/VF", words: "VT/VF - shockable" },
  { label: "af", ink: "--af", short: "AF", words: "atrial fibrillation" },
  { label: "other", ink: "--other", short: "other", words: "other rhythm" },
  { label: "noise", ink: "--noise", short: "noise", words: "noise" },
];

export class Lane {
  /** @param stack what is drawn, from the bottom */
  constructor(canvas, stack = STACK) {
    this.canvas = canvas;
    this.stack = stack;
    this.used = false;
    this.begin(1);
  }

  /** A new stream: what was said is not of it. */
  begin(fs) {
    this.fs = fs;
    this.opinions = []; // {at, values}, in order
    this.readings = []; // {at, good}, in order
    this.late = false;
    this.cut = null; // the answer that the sweep is taking off the screen
  }

  /** Takes what a piece says; gives the stretches that it changes. */
  accept(piece) {
    const said = piece.opinions.filter((item) => insert(this.opinions, item));
    const read = piece.readings.filter((item) => insert(this.readings, item));
    this.used ||= said.length > 0; // a model has spoken: from now on its silence is shown
    // Behind an answer nothing is late any more: what was hatched there waits again.
    return [
      ...said.map((item) => [item.at - OPINION_S * this.fs, Infinity]),
      ...read.map((item) => [item.at - OPINION_S * this.fs, item.at]),
    ];
  }

  resize(ratio) {
    const box = this.canvas.getBoundingClientRect();
    this.canvas.width = Math.max(1, Math.round(box.width * ratio));
    this.canvas.height = Math.max(1, Math.round(box.height * ratio));
    this.context = this.canvas.getContext("2d");
    this.context.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.width = box.width;
    this.height = box.height;
    this.ratio = ratio;
  }

  /** Colours may have changed. */
  recolour(ink, rem) {
    this.rem = rem;
    const names = this.stack.flatMap((part) => [part.ink, `--on${part.ink.slice(1)}`]);
    this.ink = Object.fromEntries(["--dim", "--sans", ...names].map((name) => [name, ink(name)]));
    this.hatch = this.#hatching(6);
  }

  clear() {
    this.context?.clearRect(0, 0, this.width, this.height);
  }

  /** Make room before the sweep. A word goes as a whole, not slice by slice. */
  wipe(axis, from, to) {
    if (!this.height) return;
    this.#erase(axis, from, to);
    const oldest = to - axis.window;
    const i = this.opinions.findIndex((item) => item.at > oldest);
    const item = this.opinions[i];
    if (!item || item === this.cut || this.#start(this.opinions, i) >= oldest) return;
    this.cut = item;
    this.#erase(axis, oldest, item.at);
    this.#fill(axis, oldest, item.at, oldest, item.at);
  }

  #erase(axis, from, to) {
    for (const [x0, x1] of axis.spans(from, to)) {
      this.context.clearRect(x0, 0, x1 - x0, this.height);
    }
  }

  /** Draw a stretch; `oldest` and `newest` bound what is on the screen. */
  paint(axis, from, to, oldest, newest) {
    if (!this.height || !this.ink) return;
    const last = this.opinions.at(-1)?.at ?? -Infinity;
    const late = newest - last > PENDING_S * this.fs;
    if (late && !this.late) from = Math.min(from, last); // what was left open for it
    this.late = late;
    [from, to] = this.#whole(from, to, newest);
    from = Math.max(from, oldest);
    this.#erase(axis, from, to);
    this.#fill(axis, from, to, oldest, newest);
  }

  #fill(axis, from, to, oldest, newest) {
    const last = this.opinions.at(-1)?.at ?? -Infinity;
    for (const [a, b] of this.#unanswered(from, this.late ? to : Math.min(to, last))) {
      this.#hatch(axis, a, b);
    }
    for (const [item, a, b] of this.#cells(this.readings, from, to)) {
      if (!item.good) this.#hatch(axis, a, b);
    }
    for (const [item, a, b] of this.#cells(this.opinions, from, to)) {
      this.#stack(axis, item.values, a, b);
      if (item.at <= newest && a > oldest) this.#name(axis, item, a, b);
    }
  }

  /** The seconds that the items speak for, within a stretch: [item, from, to]. */
  #cells(items, from, to) {
    return items
      .map((item, i) => [item, Math.max(from, this.#start(items, i)), Math.min(to, item.at)])
      .filter(([, a, b]) => b > a);
  }

  #start(items, i) {
    return Math.max(items[i].at - OPINION_S * this.fs, items[i - 1]?.at ?? -Infinity);
  }

  /** A stretch made longer, so that no answer and no word in it is cut. */
  #whole(from, to, newest) {
    let [a, b] = [from, to];
    this.opinions.forEach((item, i) => {
      const start = this.#start(this.opinions, i);
      if (start < from && item.at > from) a = Math.min(a, start);
      if (start < to && item.at > to && item.at <= newest) b = item.at;
    });
    return [a, b];
  }

  #unanswered(from, to) {
    const holes = [];
    let at = from;
    for (const [, a, b] of this.#cells(this.opinions, from, to)) {
      if (a > at) holes.push([at, a]);
      at = b;
    }
    if (to > at) holes.push([at, to]);
    return holes;
  }

  #hatch(axis, from, to) {
    this.context.fillStyle = this.hatch;
    for (const [x0, x1] of axis.spans(from, to)) {
      this.context.fillRect(x0, 0, x1 - x0, this.height);
    }
  }

  #stack(axis, values, from, to) {
    let y = this.height;
    for (const part of this.stack) {
      const tall = (values[part.label] ?? 0) * this.height;
      y -= tall;
      this.context.fillStyle = this.ink[part.ink];
      for (const [x0, x1] of axis.spans(from, to)) this.context.fillRect(x0, y, x1 - x0, tall);
    }
  }

  /** The word of the likeliest on its own colour, in its first second and in every other. */
  #name(axis, item, from, to) {
    const part = this.#likeliest(item);
    const spans = axis.spans(from, to);
    if (!part || spans.length !== 1) return;
    const before = this.opinions[this.opinions.indexOf(item) - 1];
    if (before && this.#likeliest(before) === part && Math.round(item.at / this.fs) % 2) return;
    const { context } = this;
    const size = Math.min(Math.max(this.rem * 0.8, this.height * 0.3), this.height * 0.72);
    context.font = `700 ${size}px ${this.ink["--sans"]}`;
    const [x0, x1] = spans[0];
    if (context.measureText(part.short).width + 6 > x1 - x0) return;
    const below = this.stack.slice(0, this.stack.indexOf(part))
      .reduce((sum, lower) => sum + (item.values[lower.label] ?? 0), 0);
    const middle = this.height * (1 - below - item.values[part.label] / 2);
    const y = Math.min(this.height - size * 0.55, Math.max(size * 0.55, middle));
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.lineJoin = "round";
    context.lineWidth = size / 4;
    context.strokeStyle = this.ink[part.ink]; // the colour goes round where the band is thin
    context.strokeText(part.short, (x0 + x1) / 2, y);
    context.fillStyle = this.ink[`--on${part.ink.slice(1)}`];
    context.fillText(part.short, (x0 + x1) / 2, y);
  }

  #likeliest(item) {
    return this.stack.find((part) => (item.values[part.label] ?? 0) >= NAMED_FROM);
  }

  #hatching(size) {
    const tile = document.createElement("canvas");
    tile.width = tile.height = Math.round(size * this.ratio);
    const context = tile.getContext("2d");
    context.scale(tile.width / size, tile.height / size);
    context.strokeStyle = this.ink["--dim"];
    context.beginPath();
    for (const x of [-size, 0, size]) { // the neighbours' corners reach into the tile
      context.moveTo(x - 1, size + 1);
      context.lineTo(x + size + 1, -1);
    }
    context.stroke();
    const pattern = this.context.createPattern(tile, "repeat");
    pattern.setTransform(new DOMMatrix().scale(1 / this.ratio));
    return pattern;
  }
}

/** Put an item at its place; false where one stands there already. */
function insert(items, item) {
  const place = items.findLastIndex((known) => known.at <= item.at);
  if (items[place]?.at === item.at) return false;
  items.splice(place + 1, 0, item);
  if (items.length > KEPT) items.shift();
  return true;
}
