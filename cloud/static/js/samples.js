// The last seconds of a strip's leads, by their position since the stream's start.

export class Samples {
  constructor(size, perCount) {
    Object.assign(this, { size, perCount, leads: null, first: null, end: null });
  }

  add(run) {
    const n = run.counts[0].length;
    this.leads ??= run.counts.map(() => new Float32Array(this.size).fill(NaN));
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

  /** NaN where it is missing. */
  at(lead, position) {
    return this.leads[lead][position % this.size];
  }

  /** Those of a stretch that are not missing. */
  between(lead, from, to) {
    const values = [];
    for (let p = Math.max(this.first, from); p < Math.min(to, this.end); p++) {
      const value = this.at(lead, p);
      if (!Number.isNaN(value)) values.push(value);
    }
    return values;
  }

  /** One line through a stretch, broken where samples are missing and at the right edge. */
  draw(context, lead, from, to, x, y) {
    context.lineJoin = "round";
    context.beginPath();
    let pen = false;
    let lastX = -1;
    for (let p = Math.max(from, this.first); p <= Math.min(to, this.end - 1); p++) {
      const value = this.at(lead, p);
      const here = x(p);
      if (Number.isNaN(value) || here < lastX) pen = false;
      lastX = here;
      if (Number.isNaN(value)) continue;
      if (pen) context.lineTo(here, y(value));
      else context.moveTo(here, y(value));
      pen = true;
    }
    context.stroke();
  }
}
