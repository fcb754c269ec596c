// The ward as the feed last told it. The feed sends whole things, never differences.

const LOST_AFTER_MS = 4500; // the feed sends its clock every second

export class Store {
  devices = new Map();
  alarms = new Map();
  link = { connected: false, error: "", services: [], notices: [], site: "" };
  staleAfterMs = 5000;
  snoozeS = 120;
  #listeners = [];
  #heardAt = -Infinity;
  #openedAt = performance.now();
  #feedMs = 0;

  listen(listener) {
    this.#listeners.push(listener);
  }

  snapshot(data) {
    this.devices = new Map(data.devices.map((device) => [device.device, device]));
    this.alarms = new Map(data.alarms.map((alarm) => [alarm.alarm_id, alarm]));
    this.link = data.link;
    this.staleAfterMs = data.stale_after_ms;
    this.snoozeS = data.snooze_s;
    this.heard(data.now_ms);
    this.#changed({ snapshot: true });
  }

  device(view) {
    this.devices.set(view.device, view);
    this.#changed({ device: view });
  }

  alarm(view) {
    const before = this.alarms.get(view.alarm_id);
    if (view.open) this.alarms.set(view.alarm_id, view);
    else this.alarms.delete(view.alarm_id);
    this.#changed({ alarm: view, before });
  }

  setLink(view) {
    this.link = view;
    this.#changed({ link: view });
  }

  heard(feedMs) {
    this.#feedMs = feedMs;
    this.#heardAt = performance.now();
  }

  /** The feed's clock now. A wall display's own clock may be wrong; ages must not be. */
  now() {
    return this.#feedMs ? this.#feedMs + performance.now() - this.#heardAt : Date.now();
  }

  get everHeard() {
    return Number.isFinite(this.#heardAt);
  }

  /** ms since the feed last said anything, if that is too long; else 0. */
  lostFor() {
    const since = performance.now() - Math.max(this.#heardAt, this.#openedAt);
    return since > LOST_AFTER_MS ? since : 0;
  }

  /** Open alarms, the most urgent first: by priority, unacknowledged, active, the newest. */
  sortedAlarms() {
    return [...this.alarms.values()].sort((a, b) =>
      b.rank - a.rank
      || Number(a.acknowledged) - Number(b.acknowledged)
      || Number(b.active) - Number(a.active)
      || b.onset_ms - a.onset_ms
      || (a.alarm_id < b.alarm_id ? -1 : 1));
  }

  /** The labels of the leads of an alarm's signal; none where it had others then. */
  leads(alarm) {
    const labels = this.devices.get(alarm.device)?.signals[alarm.signal]?.leads ?? [];
    return labels.length === (alarm.evidence.n_leads ?? labels.length) ? labels : [];
  }

  snoozed(alarm) {
    return alarm.snoozed_until_ms != null && alarm.snoozed_until_ms > this.now();
  }

  /** Alarms that still call for somebody. */
  calling() {
    return this.sortedAlarms().filter((a) => !a.acknowledged && !this.snoozed(a));
  }

  #changed(what) {
    for (const listener of this.#listeners) listener(what);
  }
}
