// The book of alarms, the newest first.

import { $, make, text } from "./dom.js";
import { folded } from "./evidence.js";
import { kindName, when } from "./format.js";
import { get } from "./net.js";
import { withNames } from "./seizure.js";
import { alarmSymbol } from "./symbols.js";

const PAGE = 50;

export function setUpHistory(store) {
  const dialog = $("history-dialog");
  const rows = $("history-rows");
  let before = null;

  const load = async () => {
    const query = `state=all&limit=${PAGE}${before == null ? "" : `&before_ms=${before}`}`;
    const page = await get(`/api/alarms?${query}`);
    if (page === null) {
      text($("history-note"), "The history cannot be read now.");
      return;
    }
    rows.append(...page.map((alarm) => row(alarm, store)));
    before = page.at(-1)?.declared_ms ?? before;
    $("history-more").hidden = page.length < PAGE;
    text($("history-note"), rows.children.length ? "" : "No alarm so far.");
  };
  const open = () => {
    if (dialog.open) return;
    before = null;
    rows.replaceChildren();
    dialog.showModal();
    load();
  };
  $("history-open").addEventListener("click", open);
  $("history-more").addEventListener("click", load);
  return open;
}

function row(alarm, store) {
  const now = store.now();
  const open = store.alarms.has(alarm.alarm_id);
  // Open in the book, closed at the gateway: its end came while the feed was away.
  const ended = alarm.active ? (open ? "active" : "end not seen here")
    : alarm.ended_ms ? when(alarm.ended_ms, now) : "ended";
  const labels = store.leads(alarm);
  const message = withNames(alarm.message, alarm.evidence.strongest, labels);
  const kind = make("td", "", make("strong", "", kindName(alarm.kind)), make("small", "", message));
  if (alarm.evidence.injected) kind.append(make("span", "flag test", "INJECTED TEST FAULT"));
  const proof = folded(alarm.evidence, kindName(alarm.kind), labels);
  if (proof) kind.append(proof);
  return make("tr", "",
    make("td", "nowrap", when(alarm.onset_ms, now)),
    make("td", "nowrap", alarmSymbol(alarm.category, alarm.priority), ` ${alarm.priority}`),
    kind,
    make("td", "", alarm.device),
    make("td", "", alarm.patient ?? "not assigned"),
    make("td", "nowrap", ended),
    make("td", "", alarm.acknowledged ? alarm.acknowledged_by ?? "unknown" : "nobody"));
}
