// All cards: as many columns as make every card as large as the screen allows.

import { $, arrange, show } from "./dom.js";
import { Card } from "./card.js";

const MIN_WIDTH_REM = 20;
const MIN_HEIGHT_REM = 8.6;
const MAX_HEIGHT_REM = 34;
const EEG_HEIGHT_REM = 16; // of a card with lanes
const STACKED_HEIGHT_REM = 11.5;
const LIKED_RATIO = 2.6; // width to height
const MAX_EARLY = 64;

export class Ward {
  cards = new Map();
  #early = []; // pieces of devices that have no card yet, the oldest first

  constructor(store) {
    this.store = store;
    this.box = $("cards");
    new ResizeObserver(() => this.layout()).observe($("ward"));
  }

  strips() {
    return [...this.cards.values()].flatMap((card) => card.sweeps);
  }

  wave(piece) {
    const [device, signal] = piece.key.split("/");
    if (this.cards.has(device)) this.cards.get(device).wave(signal, piece, this.store.now());
    else {
      // It may hold what is said once: that a lead is flat.
      this.#early.push(piece);
      if (this.#early.length > MAX_EARLY) this.#early.shift();
    }
  }

  update() {
    const alarms = this.store.sortedAlarms();
    const wearing = [...this.store.devices.values()].filter((device) => !device.is_gateway);
    const names = wearing.map((device) => device.device).sort((a, b) =>
      a.localeCompare(b, undefined, { numeric: true }));
    let changed = false;
    const lanesBefore = this.#lanes();
    for (const name of names) {
      if (!this.cards.has(name)) {
        this.cards.set(name, new Card(name));
        changed = true;
      }
      this.cards.get(name).update(
        this.store.devices.get(name), alarms.filter((alarm) => alarm.device === name));
    }
    for (const name of this.cards.keys()) {
      if (!names.includes(name)) {
        this.cards.delete(name);
        changed = true;
      }
    }
    if (changed) {
      arrange(this.box, names.map((name) => this.cards.get(name).node));
      for (const piece of this.#early.splice(0)) this.wave(piece);
    }
    if (changed || this.#lanes() !== lanesBefore) this.layout();
  }

  #lanes() {
    return [...this.cards.values()].filter((card) => card.eeg).length;
  }

  tick(lost) {
    const now = this.store.now();
    for (const card of this.cards.values()) card.tick(now, this.store.staleAfterMs, lost);
    show($("no-devices"), this.cards.size === 0 && this.store.everHeard);
  }

  layout() {
    const n = this.cards.size;
    if (!n) return;
    const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
    const width = this.box.clientWidth;
    const most = Math.max(1, Math.min(n, Math.floor(width / (MIN_WIDTH_REM * rem))));
    const stacked = matchMedia("(max-width: 900px)").matches; // the page scrolls: no fixed room
    const room = stacked ? Infinity : $("ward").clientHeight;
    const least = (this.#lanes() ? EEG_HEIGHT_REM : MIN_HEIGHT_REM) * rem;
    const columns = stacked ? most : bestColumns(n, most, width, room, least);
    const height = stacked ? (n <= 2 ? 2 : 1) * STACKED_HEIGHT_REM * rem
      : Math.max(least, Math.min(room / Math.ceil(n / columns), (n === 1 ? 99 : MAX_HEIGHT_REM) * rem));
    this.box.style.setProperty("--columns", columns);
    this.box.style.setProperty("--row", `${Math.floor(height)}px`);
  }
}

/** The number of columns that wastes the least and keeps a card's shape that of a strip. */
function bestColumns(n, most, width, room, minHeight) {
  let best = { columns: 1, score: -Infinity };
  for (let columns = 1; columns <= most; columns++) {
    const rows = Math.ceil(n / columns);
    const height = room / rows;
    const shape = Math.abs(Math.log(width / columns / height / LIKED_RATIO));
    const empty = (rows * columns - n) / n;
    const score = -shape - empty - Math.max(0, minHeight - height);
    if (score > best.score) best = { columns, score };
  }
  return best.columns;
}
