// What this browser remembers: nothing about patients.

import { $, text } from "./dom.js";

const PREFIX = "vitalwire.";

export function recall(name, fallback = "") {
  try {
    return localStorage.getItem(PREFIX + name) ?? fallback;
  } catch {
    return fallback; // storage may be forbidden: the page works without
  }
}

export function remember(name, value) {
  try {
    localStorage.setItem(PREFIX + name, value);
  } catch { /* see above */ }
}

const THEMES = ["auto", "dark", "light"];

/** The system's theme unless one was chosen; `onChange` repaints what CSS cannot. */
export function setUpTheme(onChange) {
  let theme = THEMES.includes(recall("theme")) ? recall("theme") : "auto";
  const apply = () => {
    document.documentElement.dataset.theme = theme;
    text($("theme"), { auto: "Theme: auto", dark: "Theme: dark", light: "Theme: light" }[theme]);
    onChange();
  };
  const next = () => {
    theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
    remember("theme", theme);
    apply();
  };
  $("theme").addEventListener("click", next);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", apply);
  apply();
  return next;
}

/** The name that goes with an acknowledgement; asked for when it is first needed. */
export function setUpName() {
  const dialog = $("name-dialog");
  const field = $("name");
  const label = () => text($("who"), recall("name") ? `You: ${recall("name")}` : "You: not set");
  const ask = () => new Promise((resolve) => {
    field.value = recall("name");
    dialog.returnValue = "";
    dialog.addEventListener("close", () => {
      const name = field.value.trim();
      if (dialog.returnValue === "ok" && name) remember("name", name);
      label();
      resolve(dialog.returnValue === "ok" ? name : "");
    }, { once: true });
    dialog.showModal();
  });
  $("who").addEventListener("click", ask);
  label();
  return async () => recall("name") || ask();
}
