// What an alarm rests on: facts in words, beat classes as their letters, rows of numbers as
// small drawings with the numbers beside them.

import { BEAT_CLASSES, WINDOW_S } from "./beats.js";
import { make, svg } from "./dom.js";
import { fact, named, number, percent, UNKNOWN } from "./format.js";
import { isContribution, leadList, leadName, leadNumbers, strongest } from "./seizure.js";

const HIDDEN = new Set(["injected"]); // said by a label of its own
const TOLD_AS_SHARE = new Set(["mean", "confidence"]); // of a probability, its trace beside it
const TOLD_BY_LEADS = new Set(["strongest", "n_read", "n_leads"]); // where leads are drawn
const LEAD_ROWS = 6;
const LEADS_S = 5; // over which the gateway takes the mean
const WIDTH = 240; // of a drawing, in its own units
const HEIGHT = 40;

/** The facts of an alarm as [short lines, drawings]; `subject` is the alarm's name, `labels` are
 *  those of its signal's leads. */
export function exhibits(fields, subject, labels) {
  const entries = Object.entries(fields).filter(([name]) => !HIDDEN.has(name));
  const leads = entries.filter(([name, value]) => isContribution(name, value));
  const rows = entries.filter(([name, value]) => isRow(value) && !isContribution(name, value));
  const letters = entries.filter(([name, value]) => isLetters(name, value));
  const rest = entries.filter((entry) => ![...rows, ...letters, ...leads].includes(entry)
    && !(leads.length && TOLD_BY_LEADS.has(entry[0])));
  const told = ([name, value]) => {
    if (rows.length && TOLD_AS_SHARE.has(name)) return `${named(name).name} ${percent(value)}`;
    const which = name === "leads" && leadNumbers(value);
    if (which) return `Lead${which.length > 1 ? "s" : ""} ${leadList(value, labels)}`;
    return fact(name, Array.isArray(value) ? value.join(", ") || UNKNOWN : value);
  };
  const facts = rest.map(told);
  const drawn = [
    ...leads.map(([, value]) => leadRows(value, labels, fields.n_read)),
    ...letters.map(([name, value]) => beatRow(name, value)),
    ...rows.map(([name, value]) => (name === "activation" ? bars(value) : curve(name, value, subject))),
  ];
  return [facts.map((line) => make("li", "", line)), drawn];
}

/** The same, folded, for a list; null where there is nothing to tell. */
export function folded(fields, subject, labels) {
  const [facts, drawn] = exhibits(fields, subject, labels);
  if (!facts.length && !drawn.length) return null;
  return make("details", "proof", make("summary", "", "What it rested on"),
    make("ul", "evidence", ...facts), make("div", "exhibits", ...drawn));
}

/** Numbers of 0 to 1 in their order. */
function isRow(value) {
  return Array.isArray(value) && value.length > 1
    && value.every((item) => typeof item === "number" && item >= 0 && item <= 1);
}

/** `NVVV` or `N V V V`. */
function isLetters(name, value) {
  return name === "classes" && /^[NSVFQ](\s?[NSVFQ]){0,59}$/.test(value);
}

function beatRow(name, value) {
  const letters = value.replaceAll(/\s/g, "").split("");
  const counts = Object.entries(BEAT_CLASSES)
    .map(([label, words]) => [letters.filter((letter) => letter === label).length, words])
    .filter(([count]) => count)
    .map(([count, words]) => `${count} ${words}`);
  return exhibit(named(name).name, counts.join(", "),
    make("span", "letters", ...letters.map((letter) => make("b", `beat-${letter}`, letter))));
}

/** What each lead spoke for a seizure, the strongest first. */
function leadRows(values, labels, read) {
  const first = strongest(values, LEAD_ROWS);
  const most = Math.max(...values);
  const bar = (lead) => {
    const ink = make("i", "lead-bar");
    ink.style.setProperty("width", `${((100 * values[lead]) / most).toFixed(0)}%`);
    return make("li", "", make("b", "", leadName(labels, lead)), make("span", "lead-track", ink));
  };
  const rest = values.length - first.length;
  const able = typeof read === "number" ? `, ${read} of ${values.length} could be read` : "";
  return exhibit("Leads that spoke for it", `over ${LEADS_S} s${able}`,
    make("ul", "lead-rows", ...first.map(bar)),
    make("span", "ends", make("i", "", !first.length ? "none above another"
      : rest ? `${rest} more leads less, not at all, or against` : "")));
}

/** What spoke for the class of a beat, over its window. */
function bars(values) {
  const [before, after] = WINDOW_S;
  const width = WIDTH / values.length;
  const path = values.map((value, i) => {
    const tall = Math.max(0.5, value * HEIGHT);
    return `M${(i * width).toFixed(1)} ${HEIGHT}v${(-tall).toFixed(1)}h${(width - 1.5).toFixed(1)}V${HEIGHT}Z`;
  });
  const most = values.indexOf(Math.max(...values));
  const at = ((most + 0.5) / values.length) * (before + after) - before;
  const when = Math.abs(at) < 0.03 ? "at the R peak"
    : `${number(Math.abs(at), 2)} s ${at < 0 ? "before" : "after"} the R peak`;
  const share = before / (before + after); // where the R peak stands
  const peak = make("i", "peak", "R peak");
  peak.style.setProperty("left", `${100 * share}%`);
  return exhibit("What spoke for the class", `most ${when}`,
    drawing(svg("path", { class: "bars", d: path.join("") }),
      svg("path", { class: "peak", d: `M${(share * WIDTH).toFixed(1)} 0V${HEIGHT}` })),
    make("span", "ends", make("i", "", `${before} s before`), peak, make("i", "", `${after} s after`)));
}

/** A probability over time, on an axis of 0 to 1. */
function curve(name, values, subject) {
  const step = WIDTH / (values.length - 1);
  const points = values.map((value, i) => `${(i * step).toFixed(1)} ${((1 - value) * HEIGHT).toFixed(1)}`);
  const low = Math.min(...values);
  const high = Math.max(...values);
  const title = name === "trace" ? `${subject}: probability` : named(name).name;
  return exhibit(title, `last ${percent(values.at(-1))}, from ${percent(low)} to ${percent(high)}`,
    drawing(svg("path", { class: "frame", d: `M0 .5H${WIDTH}M0 ${HEIGHT / 2}H${WIDTH}M0 ${HEIGHT - 0.5}H${WIDTH}` }),
      svg("path", { class: "area", d: `M0 ${HEIGHT}L${points.join("L")}L${WIDTH} ${HEIGHT}Z` }),
      svg("path", { class: "curve", d: `M${points.join("L")}` })),
    make("span", "ends", make("i", "", `${values.length} s before`), make("i", "", "when told")));
}

function drawing(...shapes) {
  return svg("svg", {
    viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true",
  }, ...shapes);
}

function exhibit(title, words, ...shown) {
  return make("figure", "exhibit",
    make("figcaption", "", make("b", "", title), " ", make("span", "", words)), ...shown);
}
