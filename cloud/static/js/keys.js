// Single-key shortcuts; they can be switched off, and never fire while somebody types.

import { $ } from "./dom.js";
import { recall, remember } from "./settings.js";

export function setUpKeys(actions, announce) {
  const on = $("keys-on");
  on.checked = recall("keys", "on") === "on";
  on.addEventListener("change", () => remember("keys", on.checked ? "on" : "off"));
  document.addEventListener("keydown", (event) => {
    if (!on.checked || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    if (event.target.closest("input, textarea, select") || document.querySelector("dialog[open]")) return;
    const action = actions[event.key];
    if (!action) return;
    event.preventDefault();
    if (action() === false) announce.soon("No alarm has the focus: press j first.");
  });
  for (const button of document.querySelectorAll("[data-close]")) {
    button.addEventListener("click", () => button.closest("dialog").close());
  }
}
