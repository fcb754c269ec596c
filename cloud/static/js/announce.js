// What a screen reader says: high alarms and a lost connection at once, the rest in turn.

import { $ } from "./dom.js";
import { kindName } from "./format.js";

export class Announcer {
  now(words) { this.#say($("say-now"), words); }
  soon(words) { this.#say($("say-soon"), words); }

  /** New, escalated and answered alarms. */
  alarm(view, before) {
    const name = `${kindName(view.kind)}, ${view.device}`;
    if (view.open && !view.acknowledged && (!before || before.rank < view.rank)) {
      const words = `${view.priority} priority alarm: ${name}. ${view.message}`;
      if (view.priority === "high") this.now(words);
      else this.soon(words);
    } else if (view.acknowledged && before && !before.acknowledged) {
      this.soon(`Acknowledged by ${view.acknowledged_by}: ${name}`);
    } else if (view.command && view.command.progress !== before?.command?.progress) {
      this.soon(`${view.command.action} ${view.command.progress}: ${name}. ${view.command.reason}`);
    } else if (!view.open && before) this.soon(`Alarm ended: ${name}`);
  }

  #say(region, words) {
    region.textContent = "";
    // An unchanged text is not read again; an emptied one is.
    setTimeout(() => { region.textContent = words; }, 50);
  }
}
