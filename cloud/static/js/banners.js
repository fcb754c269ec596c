// What is wrong with the way from the patient to this page. A technical alarm of its own:
// nothing below it can be relied on.

import { $, arrange, make, text } from "./dom.js";
import { clock, span } from "./format.js";
import { alarmSymbol } from "./symbols.js";

export class Banners {
  #nodes = new Map();
  #said = new Set();

  constructor(store, announce) {
    Object.assign(this, { store, announce });
  }

  /** Show what is wrong now; returns the worst as {priority, words}, or null. */
  tick() {
    const wrong = this.#wrong();
    for (const key of [...this.#nodes.keys()]) {
      if (!wrong.some((item) => item.key === key)) {
        this.#nodes.delete(key);
        this.#said.delete(key);
      }
    }
    for (const item of wrong) {
      if (!this.#nodes.has(item.key)) this.#nodes.set(item.key, this.#make(item));
      const [title, detail] = this.#nodes.get(item.key).querySelectorAll("[data-part]");
      text(title, item.title);
      text(detail, item.detail);
      if (!this.#said.has(item.key)) {
        this.#said.add(item.key);
        this.announce.now(`${item.title}. ${item.detail}`);
      }
    }
    arrange($("banners"), wrong.map((item) => this.#nodes.get(item.key)));
    return wrong[0] ?? null;
  }

  #make(item) {
    const node = make("div", `banner ${item.priority}`,
      alarmSymbol("technical", item.priority), make("div", "", make("strong"), make("span")));
    node.querySelector("strong").dataset.part = "title";
    node.querySelector("span").dataset.part = "detail";
    return node;
  }

  #wrong() {
    const { store } = this;
    const lost = store.lostFor();
    if (lost) {
      return [{
        key: "feed", priority: "high", stops: true,
        title: "CONNECTION TO THE FEED LOST",
        detail: `No word from the server for ${span(lost)}. Nothing on this page is current.`,
      }];
    }
    if (!store.everHeard) return [];
    const wrong = [];
    if (!store.link.connected) {
      wrong.push({
        key: "broker", priority: "high", stops: true,
        title: "CONNECTION LOST: DATA IS STALE",
        detail: `No broker for ${span(store.now() - store.link.since_ms)}, `
          + `since ${clock(store.link.since_ms)}: new alarms do not arrive here. ${store.link.error}`,
      });
    }
    // Without the broker nobody knows whether they run.
    const services = store.link.connected ? store.link.services : [];
    for (const service of services.filter((item) => !item.online)) {
      const gateway = service.kind === "gateway";
      wrong.push({
        key: `${service.kind}/${service.name}`, priority: gateway ? "high" : "medium",
        title: gateway ? "GATEWAY NOT RUNNING" : "BRIDGE NOT RUNNING",
        detail: gateway
          ? `${service.name}: its devices are not analysed, no alarm will be raised.`
          : `${service.name}: its devices cannot be heard.`,
      });
    }
    for (const notice of store.link.notices) {
      wrong.push({ key: notice.replace(/\d+/g, ""), priority: "medium", title: "FEED", detail: notice });
    }
    return wrong;
  }
}
