// Beats on a strip: a letter in a shape of its own for each class, and behind a beat that is
// not normal what spoke for its class.

export const WINDOW_S = [0.4, 0.5]; // of the activation, before and after the R peak
const MAX_SHADE = 0.28; // the trace in front of it must stay the brightest
const KEPT = 120;
const PLAIN = new Set(["N", "Q"]);
// In half widths about the middle, y down.
const SHAPES = {
  S: null, // a circle
  V: [[-1, -1], [1, -1], [1, 0.35], [0, 1.25], [-1, 0.35]], // a shield
  F: [[0, -1.35], [1.35, 0], [0, 1.35], [-1.35, 0]], // a diamond
};

export const BEAT_CLASSES = {
  N: "normal", S: "supraventricular", V: "ventricular", F: "fusion", Q: "not classified",
};

export class Beats {
  constructor() {
    this.begin(1);
  }

  begin(fs) {
    this.fs = fs;
    this.all = []; // in order of their position
  }

  /** Takes a beat; gives the stretch that it changes, or null where it was known. */
  add(beat) {
    const place = this.all.findLastIndex((known) => known.at <= beat.at);
    if (this.all[place]?.at === beat.at) return null;
    this.all.splice(place + 1, 0, beat);
    if (this.all.length > KEPT) this.all.shift();
    return [beat.at - WINDOW_S[0] * this.fs, beat.at + WINDOW_S[1] * this.fs];
  }

  /** Those between two positions, the first excluded. */
  between(from, to) {
    return this.all.filter((beat) => beat.at > from && beat.at <= to);
  }

  /** What spoke for the classes, drawn before the trace. `axis`: see axis.js. */
  shade(context, axis, from, to, height, ink) {
    this.all.forEach((beat, i) => {
      if (!beat.activation?.length) return;
      const start = beat.at - WINDOW_S[0] * this.fs;
      const width = (WINDOW_S[0] + WINDOW_S[1]) * this.fs;
      // Windows of fast beats overlap: each beat keeps its own half of the way.
      const first = Math.max(from, start, this.#middle(i - 1, i));
      const last = Math.min(to, start + width, this.#middle(i, i + 1));
      for (const [x0, x1, at] of axis.spans(first, last)) {
        const x = x0 - (at - start) * axis.step;
        context.fillStyle = this.#gradient(context, beat.activation, x, width * axis.step, ink);
        context.fillRect(x0, 0, x1 - x0, height);
      }
    });
  }

  #gradient(context, values, x, width, ink) {
    const gradient = context.createLinearGradient(x, 0, x + width, 0);
    values.forEach((value, k) => {
      const alpha = (MAX_SHADE * value).toFixed(3);
      gradient.addColorStop((k + 0.5) / values.length, `rgb(${ink("--explains")} / ${alpha})`);
    });
    return gradient;
  }

  #middle(i, j) {
    const [a, b] = [this.all[i], this.all[j]];
    if (!a || !b) return i < 0 || !a ? -Infinity : Infinity;
    return (a.at + b.at) / 2;
  }
}

/** A beat's letter, `size` px high, about (x, y). */
export function drawLetter(context, label, x, y, size, ink) {
  const plain = PLAIN.has(label);
  context.font = `${plain ? 500 : 800} ${size}px ${ink("--sans")}`;
  context.textAlign = "center";
  context.textBaseline = "middle";
  if (!plain) {
    context.fillStyle = ink("--beat-box");
    shape(context, SHAPES[label], x, y, size * 0.6);
    context.fill();
  }
  context.fillStyle = ink(plain ? "--beat" : "--beat-odd");
  context.fillText(label, x, y);
}

function shape(context, points, x, y, half) {
  context.beginPath();
  if (points) points.forEach(([dx, dy]) => context.lineTo(x + dx * half, y + dy * half));
  else context.arc(x, y, half * 1.12, 0, 2 * Math.PI);
  context.closePath();
}
