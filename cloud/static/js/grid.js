// The paper under a strip: 1 mV lines over squares of 0.2 s, and how large a mm and a mV are.

import { MM_PER_S } from "./axis.js";

const GAINS = {
  mV: [20, 10, 5, 2.5, 1.25].map((mm) => ({ mm, label: `${mm} mm/mV` })),
  uV: [1, 2, 5, 7, 10, 15, 20, 50, 100].map((uv) => ({ mm: 1 / uv, label: `${uv} µV/mm` })),
};

/** The largest gain at which sorted values fit into `room` px, and where zero then lies. */
export function fitGain(values, unit, room, mm) {
  const low = values[Math.floor(values.length * 0.002)];
  const high = values[Math.ceil(values.length * 0.998) - 1];
  const gains = GAINS[unit] ?? GAINS.mV;
  const needs = (g) => (high - low) * g.mm * mm;
  // Twice life size only for a clear signal with much room: else noise looks like a heart.
  const usable = (g) => (g.mm > 10 ? high - low > 0.6 && needs(g) < 0.6 * room : needs(g) <= room);
  const gain = gains.find(usable) ?? gains.at(-1);
  return { gain, base: 2 + room / 2 + ((high + low) / 2) * gain.mm * mm };
}

/** Draw it. `scale`: {mm, base, mmPerMv} in px, `mmPerMv` null where the unit is not mV. */
export function drawGrid(canvas, width, height, scale, ink) {
  const context = canvas.getContext("2d");
  context.clearRect(0, 0, width, height);
  context.lineWidth = 1;
  const square = scale.mm * 5; // 0.2 s, 0.5 mV at 10 mm/mV
  context.strokeStyle = ink("--grid");
  context.beginPath();
  for (let x = 0.5; x < width; x += square) {
    context.moveTo(Math.round(x) + 0.5, 0);
    context.lineTo(Math.round(x) + 0.5, height);
  }
  rows(context, width, height, scale.base, square);
  context.stroke();
  if (!scale.mmPerMv) return;
  context.strokeStyle = ink("--grid-mv");
  context.beginPath();
  rows(context, width, height, scale.base, scale.mmPerMv * scale.mm);
  context.stroke();
}

function rows(context, width, height, base, step) {
  for (let y = base % step; y < height; y += step) {
    context.moveTo(0, Math.round(y) + 0.5);
    context.lineTo(width, Math.round(y) + 0.5);
  }
}

/** Pixels of one mm: life size, smaller where 4 s would not fit, larger where there is room. */
export function screenMm(life, width, height) {
  const largest = width / (MM_PER_S * 4);
  const roomy = Math.min(width / (MM_PER_S * 7), height / 45);
  return Math.min(largest, Math.max(life, roomy));
}
