// The time axis of a sweep: where a sample lies on the screen.

export const MM_PER_S = 25;

export class Axis {
  /** @param mm px of one mm  @param ratio device pixels of one px */
  constructor(fs, mm, width, ratio) {
    this.step = (mm * MM_PER_S) / fs; // px a sample
    this.window = Math.max(8, Math.floor(width / this.step)); // samples on the screen
    this.gap = Math.max(4, Math.ceil((mm * 5) / this.step)); // empty ones before the sweep
    this.width = width;
    this.ratio = ratio;
  }

  x(position) {
    return (((position % this.window) + this.window) % this.window) * this.step;
  }

  /** The pieces [x0, x1, position of x0] of a stretch, in whole device pixels: two of them
   *  where it passes the right edge. */
  spans(from, to) {
    if (to <= from) return [];
    if (to - from >= this.window) return [[0, this.width, to - (to % this.window)]];
    const snap = (x) => Math.round(x * this.ratio) / this.ratio;
    const a = this.x(from);
    const b = this.x(to);
    if (b > a) return [[snap(a), snap(b), from]];
    // The last step before the edge is no whole one: it belongs to the sample before it.
    return [[snap(a), this.width, from], [0, snap(b), to - b / this.step]].filter(([x0, x1]) => x1 > x0);
  }
}
