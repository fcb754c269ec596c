// A number of a card with its name, its unit and, where it is not known, the reason.

import { attribute, make, text } from "./dom.js";
import { span, UNKNOWN } from "./format.js";

export function value(name, unit, className = "") {
  const shown = make("span", "value", UNKNOWN);
  const why = make("span", "why");
  const label = make("span", "name", name);
  const node = make("div", `number ${className}`, label, shown, make("span", "unit", unit), why);
  return {
    node,
    title: null, // of a number that is known
    set(number, reason) {
      text(shown, number);
      text(why, number === UNKNOWN ? reason : "");
      attribute(node, "data-none", number === UNKNOWN ? "" : null);
      attribute(node, "title", number === UNKNOWN && reason ? `${name}: ${reason}` : this.title);
    },
  };
}

/** Why a field of the vitals has no number; "" where it has. */
export function whyMissing(field, vitals, gone, nowMs, offline) {
  if (vitals && !gone) return vitals.missing[field] ?? "";
  return offline || (vitals ? `none for ${span(nowMs - vitals.received_ms)}` : "no vitals yet");
}
