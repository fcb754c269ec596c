// The states of the leads of an EEG over time, as the gateway tells them when they change.

const KEPT = 24; // changes of a lead: more than a screen's time can hold

export const MARKS = {
  lead_off: "◇ off", flat: "– flat", poor: "≋ poor", unknown: "? new",
};

export class LeadStates {
  #changes = []; // of each lead [{at, state}], in order

  /** Takes a change; false where it was known. */
  add({ at, lead, state }) {
    const changes = (this.#changes[lead] ??= []);
    const place = changes.findLastIndex((known) => known.at <= at);
    if (changes[place]?.state === state) return false;
    if (changes[place]?.at === at) changes[place].state = state;
    else changes.splice(place + 1, 0, { at, state });
    if (changes.length > KEPT) changes.shift();
    return true;
  }

  /** What is known of a lead now; undefined where nobody has said. */
  now(lead) {
    return this.#changes[lead]?.at(-1)?.state;
  }

  /** The pieces [from, to, state] of a stretch; the state is undefined before the first word. */
  pieces(lead, from, to) {
    const changes = this.#changes[lead] ?? [];
    const inside = changes.filter(({ at }) => at > from && at < to);
    const first = changes.findLast(({ at }) => at <= from)?.state;
    const edges = [{ at: from, state: first }, ...inside, { at: to }];
    return edges.slice(0, -1).map(({ at, state }, i) => [at, edges[i + 1].at, state]);
  }
}
