// The list of open alarms. What stands here is what the gateway says; a request of ours is
// shown as pending until the gateway's receipt.

import { $, arrange, attribute, make, show, text } from "./dom.js";
import { exhibits } from "./evidence.js";
import { clock, kindName, span, when } from "./format.js";
import { post } from "./net.js";
import { withNames } from "./seizure.js";
import { alarmSymbol, CATEGORY_WORD } from "./symbols.js";

const DENSE_FROM = 4;
const ROOMY_UP_TO = 2; // alarms whose drawings do not push another one off the screen
const narrow = matchMedia("(max-width: 900px)");

export class AlarmList {
  constructor(store, askName, announce) {
    Object.assign(this, { store, askName, announce });
    this.items = new Map();
    this.list = $("alarm-list");
    $("alarms").addEventListener("scroll", () => this.#tellOfMore(), { passive: true });
    new ResizeObserver(() => this.#tellOfMore()).observe($("alarms"));
  }

  update() {
    const alarms = this.store.sortedAlarms();
    const open = new Set(alarms.map((alarm) => alarm.alarm_id));
    for (const id of this.items.keys()) if (!open.has(id)) this.#remove(id);
    for (const alarm of alarms) {
      if (!this.items.has(alarm.alarm_id)) this.items.set(alarm.alarm_id, this.#make(alarm));
      this.items.get(alarm.alarm_id).set(alarm);
    }
    arrange(this.list, alarms.map((alarm) => this.items.get(alarm.alarm_id).node));
    text($("alarm-count"), alarms.length ? String(alarms.length) : "");
    attribute(this.list, "data-dense", alarms.length > DENSE_FROM ? "" : null);
    this.#tellOfMore();
    this.tick();
  }

  tick(lost = false) {
    const now = this.store.now();
    for (const item of this.items.values()) item.tick(now);
    show($("no-alarms"), this.items.size === 0);
    text($("no-alarms"), lost || !this.store.link.connected
      ? "Alarms are not known now: no connection." : "No open alarms.");
  }

  /** Act on the alarm that has the focus; false if none has. */
  act(action) {
    const node = document.activeElement?.closest?.("[data-alarm-id]");
    const item = node && this.items.get(node.dataset.alarmId);
    if (!item) return false;
    item.act(action);
    return true;
  }

  /** Move the focus by one alarm. */
  move(step) {
    const nodes = [...this.list.children];
    if (!nodes.length) return;
    const at = nodes.indexOf(document.activeElement?.closest?.("[data-alarm-id]"));
    const to = at < 0 ? (step > 0 ? 0 : nodes.length - 1)
      : Math.min(nodes.length - 1, Math.max(0, at + step));
    nodes[to].focus();
  }

  /** An alarm below the panel's edge must not be taken for none. */
  #tellOfMore() {
    const box = $("alarms");
    const edge = box.getBoundingClientRect().bottom - 40;
    const scrolls = box.scrollHeight > box.clientHeight + 4;
    const below = scrolls
      ? [...this.list.children].filter((item) => item.getBoundingClientRect().top > edge).length : 0;
    show($("more-alarms"), below > 0);
    text($("more-alarms"), `${below} more below ▼`);
  }

  #remove(id) {
    const { node } = this.items.get(id);
    const hadFocus = node.contains(document.activeElement);
    const next = node.nextElementSibling ?? node.previousElementSibling;
    node.remove();
    this.items.delete(id);
    // A keyboard must not fall back to the top of the page when an alarm ends under it.
    if (hadFocus) (next ?? $("alarms")).focus();
  }

  #make(alarm) {
    const id = alarm.alarm_id;
    const title = make("span", "kind");
    const age = make("strong");
    const onset = make("span");
    const since = make("p", "since", age, onset);
    const where = ["device", "patient", "category"].map((name) => make("span", name));
    const device = make("p", "where", ...where);
    const message = make("p", "message");
    const proof = { facts: make("ul", "evidence"), drawn: make("div", "exhibits") };
    const shown = make("details", "proof", make("summary", "", "What it rests on"), proof.drawn);
    let chosen = null; // by hand
    shown.firstChild.addEventListener("click", () => { chosen = !shown.open; });
    const flags = make("p", "flags");
    const progress = make("p", "progress");
    const acknowledge = button("Acknowledge", "primary");
    const snooze = button("Snooze", "");
    const node = make("li", `alarm ${alarm.priority}`,
      make("div", "alarm-head", alarmSymbol(alarm.category, alarm.priority),
        make("div", "", make("p", "title", title), device), since),
      message, proof.facts, shown, flags, progress, make("p", "buttons", acknowledge, snooze));
    node.tabIndex = 0;
    node.dataset.alarmId = id;
    let current = alarm;
    let error = "";
    const act = async (action) => {
      const control = action === "snooze" ? snooze : acknowledge;
      if (control.disabled || control.hidden) return;
      const by = await this.askName();
      if (!by) return;
      const body = action === "snooze" ? { by, snooze_s: this.store.snoozeS } : { by };
      const answer = await post(`/api/alarms/${encodeURIComponent(id)}/${action}`, body);
      error = answer.ok ? "" : `Not sent: ${answer.error || `error ${answer.status}`}`;
      if (error) this.announce.soon(error);
      set(current);
    };
    acknowledge.addEventListener("click", () => act("acknowledge"));
    snooze.addEventListener("click", () => act("snooze"));

    const set = (view) => {
      current = view;
      const pending = view.command?.progress === "pending";
      node.className = `alarm ${view.priority} ${view.category}`;
      attribute(node, "data-acknowledged", view.acknowledged ? "" : null);
      attribute(node, "data-over", view.active ? null : "");
      text(title, kindName(view.kind));
      text(where[0], view.device);
      text(where[1], view.patient ?? "patient not assigned");
      text(where[2], `${CATEGORY_WORD[view.category]}, ${view.priority}`);
      const labels = this.store.leads(view);
      text(message, withNames(view.message, view.evidence.strongest, labels));
      setEvidence(proof, view, labels);
      show(shown, proof.drawn.hasChildNodes());
      shown.open = chosen ?? (!narrow.matches && this.store.alarms.size <= ROOMY_UP_TO);
      setFlags(flags, flagWords(view, this.store));
      setProgress(progress, view, error);
      acknowledge.disabled = snooze.disabled = pending;
      acknowledge.hidden = view.acknowledged;
      snooze.hidden = view.acknowledged || !view.active;
      text(acknowledge, view.command?.progress === "unconfirmed" ? "Acknowledge again" : "Acknowledge");
      text(snooze, `Snooze ${Math.round(this.store.snoozeS / 60)} min`);
      const who = `${kindName(view.kind)} ${view.device}`;
      attribute(acknowledge, "aria-label", `Acknowledge ${who}`);
      attribute(snooze, "aria-label", `Snooze ${who}`);
      attribute(node, "aria-label", `${view.priority} priority ${CATEGORY_WORD[view.category]} `
        + `alarm: ${who}`);
    };
    const tick = (now) => {
      text(age, span(now - current.onset_ms));
      text(onset, `since ${when(current.onset_ms, now)}`);
      setFlags(flags, flagWords(current, this.store));
    };
    return { node, set, tick, act };
  }
}

function button(label, className) {
  const node = make("button", className, label);
  node.type = "button";
  return node;
}

function setEvidence(proof, view, labels) {
  const key = JSON.stringify([view.evidence, labels]);
  if (proof.key === key) return;
  proof.key = key;
  const [facts, drawn] = exhibits(view.evidence, kindName(view.kind), labels);
  proof.facts.replaceChildren(...facts);
  proof.drawn.replaceChildren(...drawn);
}

function flagWords(view, store) {
  const flags = [];
  if (view.injected) flags.push(["test", "INJECTED TEST FAULT"]);
  if (!view.active) flags.push(["ended", `Over${view.ended_ms ? ` since ${clock(view.ended_ms)}` : ""}, kept until acknowledged`]);
  if (store.snoozed(view)) flags.push(["snoozed", `Snoozed until ${clock(view.snoozed_until_ms)}`]);
  return flags;
}

function setFlags(node, flags) {
  const key = flags.join("|");
  if (node.dataset.key === key) return;
  node.dataset.key = key;
  node.replaceChildren(...flags.map(([name, words]) => make("span", `flag ${name}`, words)));
}

function setProgress(node, view, error) {
  const command = view.command;
  const asked = command && (command.action === "snooze" ? "Snooze" : "Acknowledgement");
  let state = "";
  let words = "";
  if (error) [state, words] = ["refused", error];
  else if (command?.progress === "pending") {
    [state, words] = ["pending", `${asked} pending: asked by ${command.by}, waiting for the gateway`];
  } else if (command?.progress === "accepted") {
    [state, words] = ["accepted", `${asked} by ${command.by} accepted by the gateway`];
  } else if (command?.progress === "refused") {
    [state, words] = ["refused", `${asked} by ${command.by} refused: ${command.reason}`];
  } else if (command?.progress === "unconfirmed") {
    [state, words] = ["refused", `${asked} by ${command.by} not confirmed: ${command.reason}`];
  } else if (view.acknowledged) {
    [state, words] = ["accepted", `Acknowledged by ${view.acknowledged_by ?? "unknown"}`];
  }
  text(node, words);
  attribute(node, "data-progress", state || null);
  node.hidden = !words;
}
