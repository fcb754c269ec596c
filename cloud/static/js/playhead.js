// A playhead that moves evenly behind samples that come in bursts.

export class Playhead {
  constructor(fs) {
    this.fs = fs;
    this.at = null; // a position, once there are samples
    this.distance = fs; // behind the newest sample, until the rhythm of the bursts is known
  }

  /** `burst` samples came; true where this was the first time. */
  take(burst, samples) {
    const wanted = Math.min(3, Math.max(0.5, (1.5 * burst) / this.fs)) * this.fs;
    if (burst < 5 * this.fs) this.distance += 0.1 * (wanted - this.distance);
    if (this.at != null) return false;
    this.at = Math.max(samples.first, samples.end - this.distance);
    return true;
  }

  advance(elapsed, end) {
    const behind = (end - this.at - this.distance) / this.distance;
    // Within half the distance the sweep looks even; beyond it catches up, a replay at many
    // times its speed included.
    const rate = 1 + (Math.abs(behind) < 0.5 ? 0.1 * behind : 0.5 * behind);
    this.at = Math.min(end, this.at + this.fs * elapsed * Math.max(0, rate));
    if (end - this.at > 6 * this.fs) this.at = end - this.distance;
  }
}
