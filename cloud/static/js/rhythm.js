// The rhythm in words, as the model last said it. Nothing known is never "normal".

import { make } from "./dom.js";
import { percent } from "./format.js";
import { STACK } from "./lane.js";

const DELAYED_MS = 15_000; // more than two machines' clocks should differ
const LIKELY = 0.5;
const WORDS = { normal: "sinus or normal", noise: "cannot tell (noise)" };
for (const part of STACK) WORDS[part.label] ??= part.words;

/** What stands for a model's word that is not of now, or of no good signal; else null. */
export function unknownBecause(said, nowMs, staleAfterMs, cutOff) {
  const unknown = (why, word = "not known") => (
    { words: `${word} (${why})`, known: false, urgent: false });
  if (cutOff) return unknown(cutOff);
  if (nowMs - said.received_ms > staleAfterMs) return unknown("no answer");
  if (nowMs - said.time_ms > DELAYED_MS) return unknown("delayed");
  return said.reason ? unknown(said.reason, "cannot tell") : null;
}

/** `said`: of the device's view; `cutOff`: why nothing is of now. Gives {words, known, urgent}. */
export function rhythmWords(said, nowMs, staleAfterMs, cutOff) {
  const unknown = unknownBecause(said, nowMs, staleAfterMs, cutOff);
  if (unknown) return unknown;
  const perhaps = said.probability < LIKELY ? "perhaps " : "";
  return {
    words: `${perhaps}${WORDS[said.label]} ${percent(said.probability)}`,
    known: said.label !== "noise",
    urgent: said.label === "shockable" && !perhaps,
  };
}

/** The lane's colours in words, once for the page. */
export function laneLegend() {
  const swatch = (name, words) => make("span", "swatch", make("i", `ink ${name}`), words);
  return [
    ...STACK.map((part) => swatch(part.label, part.short)),
    swatch("none", "normal: empty"),
    swatch("hatched", "cannot analyse"),
  ];
}
