// The page: connects the feed's two streams to what is shown.

import { AlarmList } from "./alarms.js";
import { Announcer } from "./announce.js";
import { Banners } from "./banners.js";
import { $, attribute, make, show, text } from "./dom.js";
import { clock, kindName } from "./format.js";
import { setUpHistory } from "./history.js";
import { setUpKeys } from "./keys.js";
import { post, status, Stream } from "./net.js";
import { laneLegend } from "./rhythm.js";
import { brainLegend } from "./seizure.js";
import { setUpName, setUpTheme } from "./settings.js";
import { Sound } from "./sound.js";
import { Store } from "./store.js";
import { animate } from "./strip.js";
import { alarmSymbol, CATEGORY_WORD, PRIORITIES } from "./symbols.js";
import { Ward } from "./ward.js";

const store = new Store();
const announce = new Announcer();
const ward = new Ward(store);
const banners = new Banners(store, announce);
const alarms = new AlarmList(store, setUpName(), announce);
const sound = new Sound();

const main = new Stream("/api/stream", {
  snapshot: (data) => store.snapshot(data),
  device: (view) => store.device(view),
  alarm: (view) => store.alarm(view),
  link: (view) => store.setLink(view),
  clock: (data) => store.heard(data.now_ms),
}, askToken);
const waves = new Stream("/api/waveforms", { wave: (pieces) => pieces.forEach((p) => ward.wave(p)) });

let dirty = false;
store.listen((what) => {
  if (what.alarm) announce.alarm(what.alarm, what.before);
  if (what.snapshot) {
    text($("site"), store.link.site);
    ward.update(); // a strip that has no card yet would be lost, and what is known of its leads
    if (!document.hidden) waves.open();
  }
  if (dirty) return;
  dirty = true;
  requestAnimationFrame(paint);
  setTimeout(paint, 250); // a hidden tab has no frames, and its title must still count
});

function paint() {
  if (!dirty) return;
  dirty = false;
  ward.update();
  alarms.update();
  tick();
}

let seconds = 0;
let restartedAt = performance.now();
function tick() {
  const wrong = banners.tick();
  const lost = Boolean(wrong?.stops);
  attribute(document.body, "data-lost", lost ? "" : null);
  ward.tick(lost);
  alarms.tick(lost);
  const calling = store.calling();
  const priority = [wrong?.priority, calling[0]?.priority]
    .filter(Boolean).sort((a, b) => PRIORITIES.indexOf(a) - PRIORITIES.indexOf(b))[0] ?? null;
  sound.tick(priority);
  text($("clock"), clock(Date.now()));
  text($("live").lastElementChild, store.lostFor() ? "lost" : !store.everHeard ? "connecting"
    : store.link.connected ? "live" : "no broker");
  attribute($("live"), "data-state", store.everHeard && !lost ? "live" : "lost");
  const said = (models) => [...store.devices.values()].some((device) => Object.keys(device[models]).length);
  show($("lane-legend"), said("rhythms"));
  show($("brain-legend"), said("seizures"));
  const online = [...ward.cards.values()].filter((card) => card.analysed).length;
  text($("summary"), store.everHeard && !lost ? `${online} of ${ward.cards.size} devices analysed` : "");
  title(calling, wrong);
}

function title(calling, wrong) {
  const count = calling.length + (wrong ? 1 : 0);
  const worst = wrong?.title ?? (calling[0] && `${kindName(calling[0].kind)} ${calling[0].device}`);
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  document.title = count && (still || seconds % 2) ? `(${count}) ${worst}`
    : `${count ? `(${count}) ` : ""}vitalwire ${store.link.site}`;
}

setInterval(() => {
  seconds += 1;
  tick();
  // A connection can die without a word; then the browser waits for ever.
  if (store.lostFor() && performance.now() - restartedAt > 6000) {
    restartedAt = performance.now();
    main.restart();
    if (!document.hidden) waves.restart();
  }
}, 1000);

let asking = false;
async function askToken() {
  if (asking || (await status("/api/health")) !== 401) return;
  asking = true;
  waves.close();
  const dialog = $("token-dialog");
  for (;;) {
    dialog.showModal();
    await new Promise((resolve) => dialog.addEventListener("close", resolve, { once: true }));
    const answer = await post("/api/login", { token: $("token").value });
    if (answer.ok) break;
    text($("token-error"), answer.error);
  }
  asking = false;
  main.restart();
}

function openHelp() {
  if (!$("help-dialog").open) $("help-dialog").showModal();
}

for (const category of Object.keys(CATEGORY_WORD)) {
  for (const priority of PRIORITIES) {
    $("legend").append(make("li", "", alarmSymbol(category, priority),
      ` ${CATEGORY_WORD[category]}, ${priority}`));
  }
}
$("lane-legend").append(...laneLegend());
$("brain-legend").append(...brainLegend());
const nextTheme = setUpTheme(() => ward.strips().forEach((strip) => strip.repaint()));
const openHistory = setUpHistory(store);
$("help-open").addEventListener("click", openHelp);
setUpKeys({
  a: () => alarms.act("acknowledge"),
  s: () => alarms.act("snooze"),
  j: () => alarms.move(1),
  k: () => alarms.move(-1),
  h: openHistory,
  m: () => sound.toggle(),
  t: nextTheme,
  "?": openHelp,
}, announce);

document.addEventListener("visibilitychange", () => {
  // Six connections a browser to one server: a hidden tab holds one only.
  if (document.hidden) waves.close();
  else waves.open();
});
addEventListener("pagehide", () => { main.close(); waves.close(); });
addEventListener("pageshow", (event) => { if (event.persisted) { main.open(); waves.open(); } });
animate(() => (document.hidden ? [] : ward.strips()));
show($("no-devices"), false);
main.open();
