// The seizure model in words and colours. What it does not say is never "no seizure".

import { make } from "./dom.js";
import { percent } from "./format.js";
import { unknownBecause } from "./rhythm.js";

const LIKELY = 0.5;
const NAMED = 4; // leads, the strongest first

export const SEIZURE_STACK = [{ label: "seizure", ink: "--seizure", short: "seizure" }];

/** `said`: of the device's view; `cutOff`: why nothing is of now. Gives {words, known, urgent}. */
export function seizureWords(said, nowMs, staleAfterMs, cutOff) {
  const unknown = unknownBecause(said, nowMs, staleAfterMs, cutOff);
  if (unknown) return unknown;
  return {
    words: `probability ${percent(said.probability)}`,
    known: true,
    urgent: said.probability >= LIKELY,
  };
}

/** What each lead spoke for a seizure: a row of numbers, one for each lead. */
export function isContribution(name, value) {
  return name === "leads" && Array.isArray(value) && value.length > 0
    && value.every((item) => typeof item === "number");
}

/** The leads that spoke for it, the strongest first. */
export function strongest(contributions, most = NAMED) {
  return contributions.map((value, lead) => [value, lead])
    .filter(([value]) => value > 0)
    .sort((a, b) => b[0] - a[0])
    .slice(0, most)
    .map(([, lead]) => lead);
}

export function leadName(labels, lead) {
  return labels?.[lead] ?? `lead ${lead + 1}`;
}

/** Leads in a row. A name is not broken at its hyphen: `T8-` and `P8-O2` would be other leads. */
export function enumerated(names) {
  return names.map((name) => name.replaceAll("-", "\u2011")).join(", ");
}

/** A message with its leads by name, `on FZ-CZ, P8-O2` for `on lead 17, 16`, where all are known. */
export function withNames(message, numbers, labels) {
  if (typeof numbers !== "string" || !numbers) return message;
  const names = numbers.split(", ").map((lead) => labels[lead - 1]);
  return names.every(Boolean) ? message.replace(`lead ${numbers}`, () => enumerated(names)) : message;
}

/** The colours of lanes and shading in words, once for the page. */
export function brainLegend() {
  const swatch = (name, words) => make("span", "swatch", make("i", `ink ${name}`), words);
  return [
    swatch("seizure", "seizure, by its height"),
    swatch("none", "background: empty"),
    swatch("hatched", "cannot analyse"),
    swatch("shaded", "alarm: seizure"),
  ];
}
