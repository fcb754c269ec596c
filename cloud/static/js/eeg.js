// The EEG of a card: lanes with their labels, the seizure lane under them, words and numbers.

import { attribute, make, show, text } from "./dom.js";
import { number, when } from "./format.js";
import { MARKS } from "./leads.js";
import { Montage } from "./montage.js";
import { enumerated, leadName, seizureWords, strongest } from "./seizure.js";
import { value, whyMissing } from "./value.js";

const POWERS = [
  ["delta_uv2", "Delta", "0.5 to 4 Hz"], ["theta_uv2", "Theta", "4 to 8 Hz"],
  ["alpha_uv2", "Alpha", "8 to 13 Hz"], ["beta_uv2", "Beta", "13 to 30 Hz"],
  ["gamma_uv2", "Gamma", "30 to 45 Hz"],
];

export class EegPanel {
  constructor(name) {
    this.node = make("div", "body eeg", make("div", "split", this.#makeMontage(name), this.#makeNumbers()));
    this.info = null;
    this.alarm = null;
  }

  #makeMontage(name) {
    const canvas = make("canvas", "lanes");
    attribute(canvas, "role", "img");
    attribute(canvas, "aria-label", `Live EEG of ${name}`);
    const lane = make("canvas", "lane seizure-lane");
    attribute(lane, "role", "img");
    attribute(lane, "aria-label", `Probability of a seizure of ${name}, second for second`);
    lane.hidden = true;
    this.subject = make("span", "lane-subject", "Seizure");
    this.subject.hidden = true;
    this.gutter = make("div", "lead-labels");
    this.page = make("button", "lead");
    this.page.type = "button";
    this.page.title = "Next leads";
    const gain = make("span", "gain");
    const over = make("p", "over");
    this.montage = new Montage(canvas, lane, { gain, over }, () => this.#label());
    this.page.addEventListener("click", () => this.montage.nextLeads());
    this.words = make("span", "seizure-words");
    this.basis = make("span", "basis");
    this.saying = make("p", "saying", make("span", "subject", "Seizure"), this.words, this.basis);
    this.saying.hidden = true;
    return make("div", "montage", make("p", "montage-head", this.page, gain),
      this.gutter, make("div", "plot", canvas, over), this.subject, lane, this.saying);
  }

  #makeNumbers() {
    this.amplitude = value("Amplitude", "µV", "rate");
    this.leads = value("Leads read", "");
    this.powers = POWERS.map(([field, label, band]) => {
      const shown = value(label, "µV²");
      shown.title = band;
      return [field, shown];
    });
    this.age = make("p", "age");
    return make("div", "numbers", this.amplitude.node,
      make("div", "minor", this.leads.node, ...this.powers.map(([, shown]) => shown.node)), this.age);
  }

  /** What the sender says of the EEG, and the open alarms of its device. */
  update(info, alarms) {
    this.info = info;
    this.alarm = alarms.find((alarm) => alarm.kind === "seizure" && alarm.active) ?? null;
    this.#label();
  }

  accept(piece, nowMs) {
    this.montage.accept(piece, nowMs);
    const { used } = this.montage.lane;
    show(this.montage.lane.canvas, used);
    show(this.subject, used);
  }

  /** `current`: {vitals, said, gone, stale, cutOff}, of now. */
  tick(nowMs, staleAfterMs, current) {
    const { vitals, said, gone, cutOff } = current;
    attribute(this.node, "data-stale", current.stale ? "" : null);
    const known = vitals && !gone ? vitals : null;
    const why = (field) => whyMissing(field, vitals, gone, nowMs, cutOff);
    const shown = (field) => (known?.[field] == null ? undefined : known[field]);
    const digits = (size) => (size < 10 ? 1 : 0);
    this.amplitude.set(number(shown("amplitude_uv"), digits(shown("amplitude_uv"))), why("amplitude_uv"));
    const said0 = shown("amplitude_uv") == null ? why("amplitude_uv") : "";
    for (const [field, power] of this.powers) {
      power.set(number(shown(field), digits(shown(field))), why(field) === said0 ? "" : why(field));
    }
    const all = this.montage.n || this.info?.leads.length;
    const good = shown("good_leads");
    this.leads.set(good == null ? number(undefined) : all ? `${good}/${all}` : String(good), "");
    text(this.age, known && !current.stale && known.analysable < 0.95
      ? `${Math.floor(known.analysable * 100)} % analysed` : "");
    if (this.good !== good) {
      this.good = good;
      this.#label();
    }
    show(this.saying, Boolean(said || this.alarm));
    if (said) {
      const { words, known: told, urgent } = seizureWords(said, nowMs, staleAfterMs, cutOff);
      text(this.words, words);
      attribute(this.words, "data-known", told ? "" : null);
      attribute(this.words, "data-urgent", urgent ? "" : null);
    }
    const named = enumerated(this.#strongest().map((lead) => leadName(this.info?.leads, lead)));
    text(this.basis, this.alarm ? `alarm since ${when(this.alarm.onset_ms, nowMs)}${named ? `, most on ${named}` : ""}` : "");
  }

  #strongest() {
    const row = this.alarm?.evidence.leads;
    const same = Array.isArray(row) && row.length === (this.info?.leads.length ?? row.length);
    return same ? strongest(row) : []; // of another montage its numbers are other leads
  }

  /** Each lane's name, its state, and whether the alarm rests on it. */
  #label() {
    const { first, shown, n, states } = this.montage;
    const named = this.#strongest();
    const count = Math.max(0, Math.min(shown, n - first));
    while (this.gutter.children.length > shown) this.gutter.lastChild.remove();
    while (this.gutter.children.length < shown) {
      this.gutter.append(make("span", "lead-label", make("b"), make("i")));
    }
    const open = this.#unaccounted();
    [...this.gutter.children].forEach((node, row) => {
      const lead = first + row;
      const state = states.now(lead);
      text(node.firstChild, row < count ? leadName(this.info?.leads, lead) : "");
      text(node.lastChild, row < count ? MARKS[state] ?? (state === undefined && open ? "?" : "") : "");
      attribute(node, "data-state", state ?? null);
      attribute(node, "data-strong", named.includes(lead) ? "" : null);
    });
    const paged = n > shown;
    text(this.page, paged ? `leads ${first + 1} to ${first + count} of ${n} ▸` : `${n || "no"} lead${n === 1 ? "" : "s"}`);
    this.page.disabled = !paged;
  }

  /** Whether leads cannot be read of which nobody has said so: the page came later. */
  #unaccounted() {
    const { n, states } = this.montage;
    if (this.good == null || !n) return false;
    const bad = Array.from({ length: n }, (_, lead) => states.now(lead))
      .filter((state) => state !== undefined && state !== "good").length;
    return n - this.good > bad;
  }
}
