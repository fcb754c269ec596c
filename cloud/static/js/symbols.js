// Alarm symbols. Priority by colour and by the number of marks (IEC 60601-1-8); patient or
// equipment by shape: a triangle is about the patient, a square with cut corners about the
// equipment.

import { svg } from "./dom.js";

const MARKS = { high: "!!!", medium: "!!", low: "!" };
const SHAPES = {
  physiological: "M20 3 L38 35 L2 35 Z",
  technical: "M9 3 H31 L37 9 V29 L31 35 H9 L3 29 V9 Z",
};

export function alarmSymbol(category, priority) {
  const icon = svg("svg", {
    viewBox: "0 0 40 38", class: `symbol ${priority}`, "aria-hidden": "true",
  });
  icon.append(svg("path", { d: SHAPES[category] ?? SHAPES.technical, "stroke-linejoin": "round" }));
  const marks = svg("text", {
    x: 20, y: category === "physiological" ? 32 : 27, "text-anchor": "middle",
  });
  marks.textContent = MARKS[priority] ?? "?";
  icon.append(marks);
  return icon;
}

export const PRIORITIES = ["high", "medium", "low"];
export const CATEGORY_WORD = { physiological: "Patient", technical: "Equipment" };
