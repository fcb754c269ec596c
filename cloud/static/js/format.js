// Numbers, times and words as a person reads them.

const CLOCK = new Intl.DateTimeFormat(undefined, {
  hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23",
});
const DATE_CLOCK = new Intl.DateTimeFormat(undefined, {
  year: "numeric", month: "short", day: "2-digit",
  hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23",
});

export const UNKNOWN = "--";

export function clock(ms) {
  return ms == null ? UNKNOWN : CLOCK.format(ms);
}

/** Time of day; with the date where it is not today. */
export function when(ms, nowMs) {
  if (ms == null) return UNKNOWN;
  const sameDay = new Date(ms).toDateString() === new Date(nowMs).toDateString();
  return (sameDay ? CLOCK : DATE_CLOCK).format(ms);
}

/** A span of time: 0:07, 12:41, 3 h 05 min, 2 d 4 h. */
export function span(ms) {
  const s = Math.max(0, Math.floor(ms / 1000));
  if (s < 3600) return `${Math.floor(s / 60)}:${String(s % 60).padStart(2, "0")}`;
  if (s < 86400) {
    return `${Math.floor(s / 3600)} h ${String(Math.floor((s % 3600) / 60)).padStart(2, "0")} min`;
  }
  return `${Math.floor(s / 86400)} d ${Math.floor((s % 86400) / 3600)} h`;
}

export function number(value, digits = 0) {
  return typeof value === "number" && Number.isFinite(value) ? value.toFixed(digits) : UNKNOWN;
}

const KINDS = {
  asystole: "Asystole",
  extreme_bradycardia: "Extreme bradycardia",
  extreme_tachycardia: "Extreme tachycardia",
  pause: "Pause",
  shockable_rhythm: "Shockable rhythm (VT/VF)",
  ventricular_tachycardia: "Ventricular tachycardia",
  ventricular_run: "Ventricular run",
  atrial_fibrillation: "Atrial fibrillation",
  bigeminy: "Bigeminy",
  trigeminy: "Trigeminy",
  seizure: "Seizure",
  device_silent: "Device silent",
  lead_off: "Lead off",
  poor_signal: "Poor signal",
  flat_signal: "Flat signal",
  low_battery: "Low battery",
  disk_full: "Gateway disk full",
  model_failed: "Analysis model failed",
};

export function kindName(kind) {
  return KINDS[kind] ?? words(kind);
}

export function words(name) {
  const text = String(name).replaceAll("_", " ");
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** A probability: never a certainty, never an impossibility. */
export function percent(value) {
  if (typeof value !== "number" || !Number.isFinite(value)) return UNKNOWN;
  const whole = Math.round(value * 100);
  return whole > 99 ? "> 99 %" : whole < 1 ? "< 1 %" : `${whole} %`;
}

const UNITS = {
  bpm: "bpm", s: "s", ms: "ms", mv: "mV", uv: "µV", hz: "Hz", ns: "ns", samples: "samples",
};

/** `rate_bpm`: its words and its unit. */
export function named(name) {
  const parts = name.split("_");
  const unit = parts.length > 1 ? UNITS[parts.at(-1)] : undefined;
  if (unit) parts.pop();
  return { name: words(parts.join("_")), unit };
}

/** `("rate_bpm", 182.4)` becomes `Rate 182 bpm`; probabilities are shares of a hundred. */
export function fact(key, value) {
  const { name, unit } = named(key);
  if (isProbability(key, value)) return `${name} ${percent(value)}`;
  const text = typeof value === "number" && !Number.isInteger(value)
    ? String(Number(value.toPrecision(3))) : value === true ? "yes" : value === false ? "no"
      : String(value);
  return `${name} ${text}${unit ? ` ${unit}` : ""}`;
}

function isProbability(key, value) {
  return /(^|_)probability$/.test(key) && typeof value === "number" && value >= 0 && value <= 1;
}
