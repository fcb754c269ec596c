// One device: state, its ECG with strip and vitals, its EEG. Made once, then only texts change.

import { attribute, make, show, text } from "./dom.js";
import { EegPanel } from "./eeg.js";
import { clock, kindName, number, span } from "./format.js";
import { rhythmWords } from "./rhythm.js";
import { Strip } from "./strip.js";
import { alarmSymbol } from "./symbols.js";
import { value, whyMissing } from "./value.js";

const STATES = {
  online: ["●", "Online"],
  offline: ["○", "Offline"],
  silent: ["◌", "Silent"],
  lead_off: ["◇", "Lead off"],
  cannot_analyse: ["≋", "Cannot analyse"],
  quiet: ["◌", "No updates"],
  delayed: ["◌", "Delayed"],
  unknown: ["?", "Not known"],
};
const VANISH_MS = 60_000; // a rate a minute old is no rate any more
const DELAYED_MS = 15_000; // more than two machines' clocks should differ

export class Card {
  constructor(name) {
    this.name = name;
    this.eeg = null; // made when there is one
    this.stateWord = make("span");
    this.stateReason = make("span", "reason");
    this.state = make("span", "state", this.stateWord, this.stateReason);
    this.patient = make("span", "patient");
    this.battery = make("span", "battery");
    this.injected = make("p", "injected");
    this.alarm = make("p", "card-alarm");
    this.rate = value("HR", "bpm", "rate");
    this.respiration = value("Resp", "/min");
    this.rr = value("RR", "ms");
    this.rmssd = value("RMSSD", "ms");
    this.sdnn = value("SDNN", "ms");
    this.age = make("p", "age");
    const numbers = make("div", "numbers", this.rate.node,
      make("div", "minor", this.respiration.node, this.rr.node, this.rmssd.node, this.sdnn.node),
      this.age);
    this.ecg = make("div", "body", make("div", "split", this.#makeStrip(), numbers));
    this.node = make("article", "card",
      make("header", "", make("h3", "", name), this.patient, this.battery, this.state),
      this.alarm, this.injected, this.ecg);
    attribute(this.node, "aria-label", `Device ${name}`);
    attribute(this.node, "data-device", name);
  }

  #makeStrip() {
    const grid = make("canvas", "grid");
    const canvas = make("canvas", "trace");
    attribute(grid, "aria-hidden", "true");
    attribute(canvas, "role", "img");
    attribute(canvas, "aria-label", `Live ECG of ${this.name}`);
    this.lead = make("button", "lead");
    this.lead.type = "button";
    this.lead.title = "Next lead";
    const gain = make("span", "gain");
    const over = make("p", "over");
    const lane = make("canvas", "lane");
    lane.hidden = true;
    attribute(lane, "role", "img");
    attribute(lane, "aria-label", `Probabilities of the rhythm of ${this.name}, second for second`);
    this.strip = new Strip(canvas, grid, lane, { gain, over });
    this.rhythm = make("span", "rhythm");
    this.saying = make("p", "saying", make("span", "subject", "Rhythm"), this.rhythm);
    this.saying.hidden = true;
    this.lead.addEventListener("click", () => {
      this.strip.nextLead();
      this.#labelLead();
    });
    const plot = make("div", "plot", grid, canvas, make("p", "strip-label", this.lead, gain), over);
    return make("div", "strip", plot, lane, this.saying);
  }

  /** The device's view and its open alarms, the worst first. */
  update(view, alarms) {
    this.view = view;
    const wears = (signal) => Boolean(view.signals[signal] || view.vitals[signal]);
    if (wears("eeg")) this.#addEeg();
    show(this.ecg, wears("ecg") || !this.eeg);
    attribute(this.node, "data-both", this.eeg && wears("ecg") ? "" : null);
    this.eeg?.update(view.signals.eeg ?? null, alarms);
    text(this.patient, view.patient ?? "patient not assigned");
    attribute(this.patient, "data-none", view.patient ? null : "");
    text(this.battery, view.battery == null ? "" : `battery ${Math.round(view.battery * 100)} %`);
    attribute(this.battery, "data-low", view.battery != null && view.battery < 0.15 ? "" : null);
    show(this.injected, view.injected.length > 0);
    this.faults = view.injected.map(faultName).join("; ");
    this.#showAlarm(alarms);
    this.#labelLead();
  }

  /** All that moves. */
  get sweeps() {
    return this.eeg ? [this.strip, this.eeg.montage] : [this.strip];
  }

  /** A piece of the waveform of one of its signals. */
  wave(signal, piece, nowMs) {
    if (signal === "ecg") this.strip.accept(piece, nowMs);
    else {
      this.#addEeg();
      this.eeg.accept(piece, nowMs);
    }
  }

  #addEeg() {
    if (this.eeg) return;
    this.eeg = new EegPanel(this.name);
    this.node.append(this.eeg.node);
    attribute(this.node, "data-eeg", "");
  }

  /** What the gateway said last is no state while nothing comes any more. */
  #showState(state) {
    const [glyph, word] = STATES[state] ?? STATES.unknown;
    const reason = state === this.view.state && state !== "lead_off" ? this.view.reason : "";
    text(this.stateWord, `${glyph} ${word}`);
    text(this.stateReason, reason ? `: ${reason}` : "");
    attribute(this.node, "data-state", state);
  }

  /** Whether its vitals are current and its signal good. */
  get analysed() {
    return this.node.dataset.state === "online";
  }

  #showAlarm(alarms) {
    const worst = alarms[0];
    show(this.alarm, Boolean(worst));
    attribute(this.node, "data-alarm", worst ? worst.priority : null);
    attribute(this.node, "data-acknowledged", worst?.acknowledged ? "" : null);
    if (!worst) return;
    const more = alarms.length > 1 ? ` +${alarms.length - 1}` : "";
    const words = `${kindName(worst.kind)}${more}`;
    const key = `${worst.category}/${worst.priority}/${words}`;
    if (this.alarm.dataset.key === key) return;
    this.alarm.dataset.key = key;
    this.alarm.replaceChildren(alarmSymbol(worst.category, worst.priority), words);
  }

  #labelLead() {
    const info = this.view?.signals.ecg;
    const label = info?.leads[this.strip.lead] ?? `lead ${this.strip.lead + 1}`;
    const several = (this.strip.leads?.length ?? 1) > 1;
    text(this.lead, `${label}${several ? " ▸" : ""}`);
    if (this.lead.disabled === several) this.lead.disabled = !several;
  }

  /** Ages pass without any message. `lost`: why nothing on the page is current. */
  tick(nowMs, staleAfterMs, lost) {
    // Of two signals the one that was heard of longest ago.
    const [vitals] = Object.values(this.view?.vitals ?? {})
      .sort((a, b) => Math.min(a.received_ms, a.time_ms) - Math.min(b.received_ms, b.time_ms));
    const age = vitals ? nowMs - vitals.received_ms : Infinity;
    const delayed = vitals && nowMs - vitals.time_ms > DELAYED_MS;
    const stale = Boolean(lost) || age > staleAfterMs || delayed;
    const gone = age > VANISH_MS || this.view?.state === "offline";
    attribute(this.node, "data-stale", stale ? "" : null);
    this.#showState(lost ? "unknown" : stale && this.view.state === "online"
      ? (delayed ? "delayed" : "quiet") : this.view.state);
    const cutOff = lost ? "connection lost" : this.view.state === "offline" ? "offline" : "";
    this.#numbers(this.view.vitals.ecg, gone, nowMs);
    this.#sayRhythm(nowMs, staleAfterMs, cutOff);
    this.eeg?.tick(nowMs, staleAfterMs, {
      vitals: this.view.vitals.eeg, said: this.view.seizures.eeg, gone, stale, cutOff,
    });
    text(this.age, !vitals ? "" : stale
      ? delayed && !lost ? `DELAYED: measured ${clock(vitals.time_ms)}`
        : `STALE: ${span(age)} old, of ${clock(vitals.received_ms)}`
      : vitals.analysable < 0.95 ? `${Math.floor(vitals.analysable * 100)} % analysed` : "");
    attribute(this.age, "title", "share of the last minute that could be analysed");
    this.#labelLead();
    this.#showFaults();
  }

  /** A test source says which faults it makes; its chunks say when one alters the signal. */
  #showFaults() {
    const now = this.sweeps.some((sweep) => sweep.injected);
    text(this.injected, `INJECTED TEST FAULT${now ? " NOW" : "S FROM THIS SOURCE"}: ${this.faults}`);
    attribute(this.injected, "data-now", now ? "" : null);
  }

  /** Nothing where no model has ever spoken; never a rhythm that is not of now. */
  #sayRhythm(nowMs, staleAfterMs, cutOff) {
    const said = this.view.rhythms.ecg;
    show(this.saying, Boolean(said));
    if (!said) return;
    const { words, known, urgent } = rhythmWords(said, nowMs, staleAfterMs, cutOff);
    text(this.rhythm, words);
    attribute(this.rhythm, "data-known", known ? "" : null);
    attribute(this.rhythm, "data-urgent", urgent ? "" : null);
  }

  #numbers(vitals, gone, nowMs) {
    const offline = this.view.state === "offline" ? `offline: ${this.view.reason}` : "";
    const shown = vitals && !gone ? vitals : {};
    const why = (name) => whyMissing(name, vitals, gone, nowMs, offline);
    const rrMs = shown.rr_s == null ? null : shown.rr_s * 1000;
    this.rate.set(number(shown.heart_rate_bpm), why("heart_rate_bpm"));
    // What is written below the rate already is not written four times more.
    const said = shown.heart_rate_bpm == null ? why("heart_rate_bpm") : "";
    const other = (name) => (why(name) === said ? "" : why(name));
    this.respiration.set(number(shown.respiration_bpm), other("respiration_bpm"));
    this.rr.set(number(rrMs), other("rr_s"));
    this.rmssd.set(number(shown.rmssd_ms), other("rmssd_ms"));
    this.sdnn.set(number(shown.sdnn_ms), other("sdnn_ms"));
  }
}

const FAULTS = {
  leadoff: "lead off", lead_off: "lead off", drift: "clock drift", jump: "clock jump",
};

/** `leadoff:at=30,for=12` becomes `lead off (at 30, for 12)`. */
function faultName(fault) {
  const [name, details] = fault.split(/:(.*)/s);
  const words = FAULTS[name] ?? name.replaceAll("_", " ");
  return details ? `${words} (${details.replaceAll("=", " ").replaceAll(",", ", ")})` : words;
}
