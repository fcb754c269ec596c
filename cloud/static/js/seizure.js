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

/** The gateway's `17, 16`, or null where it is no such list. */
export function leadNumbers(value) {
  return /^\d+(, \d+)*$/.test(value) ? value.split(", ").map(Number) : null;
}

/** `17, 16` by name, as it is where not all are known. */
export function leadList(numbers, labels) {
  const names = leadNumbers(numbers)?.map((lead) => labels?.[lead - 1]) ?? [undefined];
  return names.every(Boolean) ? enumerated(names) : numbers;
}

/** A message with its leads by name, `on FZ-CZ, P8-O2` for `on lead 17, 16`, where all are known. */
export function withNames(message, numbers, labels) {
  const names = leadList(numbers, labels);
  return names === numbers ? message : message.replace(`lead ${numbers}`, () => names);
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
