// One project: its open window, what comes next, who labels, and how it went.

import { get } from "../api.js";
import { bar, interval, lines } from "../charts.js";
import { figures, fill, h, id, link, list, table } from "../dom.js";
import { NOTHING, REASONS, count, duration, few, percent, score, time } from "../words.js";
import { letterTable } from "./letters.js";

const SHOWN = 20;
const REST_SECONDS = 5;
const FLAGS = { fine: "good", "too few": "", "below the model": "warn", "worse than chance": "bad" };

export const title = ({ project }) => project;

export async function show(main, { project }, signal) {
  const places = Object.fromEntries(Object.entries(NAMES).map(([name, label]) =>
    [name, h("section", { "aria-label": label })]));
  let state = await get("/project", { project }, signal);
  fill(main, Object.values(places));
  const clock = setInterval(() => tick(places.open, state.summary), 1000);
  signal.addEventListener("abort", () => clearInterval(clock), { once: true });
  const refresh = paced(async () => {
    const of = { project, limit: SHOWN };
    const [now, next, crowd, { windows }, { letters }] = await Promise.all([
      get("/project", { project }, signal), get("/ranking", of, signal),
      get("/annotators", of, signal), get("/windows", { project, limit: 200 }, signal),
      get("/dead-letters", of, signal),
    ]);
    state = received(now.summary, now.settings);
    fill(places.next, ranking(project, next));
    fill(places.time, history(windows));
    fill(places.annotators, annotators(crowd));
    fill(places.windows, closed(windows));
    fill(places.letters, h("h2", null, "Dead letters"), letterTable(letters));
    fill(places.settings, settings(now.settings));
  }, signal);
  const told = (summary) => {
    state = received(summary, state.settings);
    fill(places.head, head(summary));
    fill(places.open, openWindow(summary));
    tick(places.open, state.summary);
    refresh();
  };
  told(state.summary);
  return { told, followed: { project } };
}

// Remembers how far our clock is ahead of the worker's, by which windows close.
const received = (summary, settings) =>
  ({ summary: { ...summary, ahead: Date.now() - Date.parse(summary.now) }, settings });

const NAMES = {
  head: "Overview", open: "Open window", time: "Over time", next: "Next items",
  annotators: "Annotators", windows: "Windows", letters: "Dead letters", settings: "Settings",
};

// Calls `work` at once, and then once in a while however often it is asked to.
function paced(work, signal) {
  let [running, wanted] = [false, false];
  return async function ask() {
    wanted = true;
    if (running) return;
    running = true;
    while (wanted && !signal.aborted) {
      wanted = false;
      try {
        await work();
      } catch (error) {
        if (!signal.aborted) console.warn(error.message);
      }
      await new Promise((resolve) => setTimeout(resolve, REST_SECONDS * 1000));
    }
    running = false;
  };
}

function head(summary) {
  const outlook = summary.outlook ?? { open: null, contested: null, done: null };
  const wrong = summary.outlook ? total(summary.outlook) : null;
  return [
    h("h1", null, id(summary.project)),
    h("p", { class: "note" }, `${summary.state}, by ${summary.method}, ${summary.mode}. `,
      `${count(summary.waiting)} records wait to be applied.`),
    figures([
      ["Items", count(summary.items)], ["Labels", count(summary.labels)],
      ["Items with two labels or more", count(summary.overlapping)],
      ["Mean consensus quality", percent(summary.quality)],
      ["Done", count(outlook.done)], ["Contested", count(outlook.contested)], ["Open", count(outlook.open)],
      ["Expected wrong labels", few(wrong)],
    ]),
    Object.keys(summary.dormant).length
      ? h("p", { class: "warn" }, "Dormant, because the settings do not list their names: ",
        Object.entries(summary.dormant).map(([name, number], at) => [at ? ", " : "", id(name), ` (${count(number)})`]))
      : null,
  ];
}

const total = ({ wrong_labelled: labelled, wrong_unlabelled: unlabelled }) =>
  labelled === null || unlabelled === null ? null : labelled + unlabelled;

function openWindow(summary) {
  const used = summary.budget - summary.budget_left;
  const said = summary.window_seconds === null
    ? `Each request may select ${count(summary.budget)}.`
    : `${count(used)} of ${count(summary.budget)} selections are spent, ${count(summary.budget_left)} are left.`;
  return [
    h("h2", null, "Open window"),
    figures([
      ["Closes in", h("span", { class: "clock" })],
      ["Budget left", `${count(summary.budget_left)} of ${count(summary.budget)}`],
      ["On lease", count(summary.leases)],
      ["Windows so far", count(summary.windows)],
    ]),
    bar(used, summary.budget, said), h("p", { class: "note" }, said),
  ];
}

function tick(place, { next_boundary: boundary, state, ahead }) {
  const clock = place.querySelector(".clock");
  if (clock === null) return;
  const left = () => duration((Date.parse(boundary) - (Date.now() - ahead)) / 1000);
  clock.textContent = boundary !== null ? left() : state === "active" ? "on request" : state;
}

function ranking(project, { ranked, eligible, leased, walked_at: walked }) {
  return [
    h("h2", null, "Next items"),
    h("p", { class: "note" },
      `What a window would select, under the parameters of the last fit: the first of ${count(eligible)} `,
      `that could be selected; ${count(leased)} are on lease. All were looked at on `, time(walked), "."),
    ranked.length ? table("The items that come next", [
      ["Rank", (one) => count(one.rank), "number"],
      ["Item", (one) => link("item", { project, item: one.item }, id(one.item))],
      ["Reason", (one) => REASONS[one.reason], "word"],
      ["Score", (one) => score(one.score), "number"],
      ["Consensus", (one) => (one.consensus_label === null ? NOTHING : id(one.consensus_label)), "wide"],
      ["Quality", (one) => percent(one.consensus_quality), "number wide"],
      ["Labels", (one) => count(one.num_annotations), "number wide"],
      ["Stratum", (one) => (one.stratum === null ? NOTHING : id(one.stratum)), "wide"],
    ], ranked) : h("p", null, "Nothing could be selected."),
  ];
}

function annotators({ annotators: listed, number }) {
  return [
    h("h2", null, "Annotators"),
    h("p", { class: "note" },
      `${count(number)} whose labels count${number > listed.length ? `, of whom ${listed.length} are listed` : ""}; `,
      "those to look at first. The bar holds 95 % of what their agreement with others may be."),
    listed.length ? table("Annotators, and how far they are trusted", [
      ["Annotator", (one) => id(one.annotator)],
      ["Flag", (one) => h("span", { class: `tag ${FLAGS[one.flag]}` }, one.flag)],
      ["Agreement", (one) => percent(one.annotator_agreement), "number wide"],
      ["Interval", (one) => interval(one.agreement_low, one.annotator_agreement, one.agreement_high,
        `between ${percent(one.agreement_low)} and ${percent(one.agreement_high)}`)],
      ["Weight", (one) => few(one.annotator_weight), "number wide"],
      ["Labels", (one) => count(one.num_annotations), "number wide"],
    ], listed) : h("p", null, "Nobody has labelled yet."),
  ];
}

function history(windows) {
  const at = (one) => Date.parse(one.now);
  const share = (one, number) => (one.items === 0 || number === null ? null : number / one.items);
  const rates = windows.slice(1).map((one, before) => {
    const hours = (at(one) - at(windows[before])) / 3600e3;
    return [at(one), hours > 0 ? Math.max(0, one.labels - windows[before].labels) / hours : null];
  });
  return [
    h("h2", null, "Over time"),
    h("div", { class: "charts" },
      lines("Consensus", [
        { name: "expected right", points: windows.map((one) => [at(one), share(one, right(one))]) },
        { name: "done", points: windows.map((one) => [at(one), share(one, one.outlook.done)]) },
        { name: "contested", points: windows.map((one) => [at(one), share(one, one.outlook.contested)]) },
      ], percent, 1),
      lines("Budget", [
        { name: "selected", points: windows.map((one) => [at(one), one.selected]) },
        { name: "left behind it", points: windows.map((one) => [at(one), one.budget_left]) },
      ], few),
      lines("Labels", [{ name: "an hour", points: rates }], few)),
  ];
}

function right(one) {
  const wrong = total(one.outlook);
  return wrong === null ? null : Math.max(0, one.items - wrong);
}

function closed(windows) {
  return [
    h("h2", null, "Windows"),
    windows.length ? table("The last windows, the newest first", [
      ["Window", (one) => count(one.window), "number"],
      ["Closed at", (one) => time(one.now)],
      ["By", (one) => (one.annotator === null ? (one.cause === "boundary" ? "the clock" : "request")
        : ["for ", id(one.annotator)])],
      ["Selected", (one) => count(one.selected), "number"],
      ["Eligible", (one) => count(one.eligible), "number wide"],
      ["Labels", (one) => count(one.labels), "number wide"],
      ["Done", (one) => count(one.outlook.done), "number wide"],
      ["Expected wrong", (one) => few(total(one.outlook)), "number wide"],
    ], windows.slice(-SHOWN).reverse()) : h("p", null, "None yet."),
  ];
}

function settings(all) {
  const shown = ({ type, schema_version: version, ...rest }) => Object.entries(rest);
  return [
    h("h2", null, "Settings"),
    list(shown(all).map(([name, value]) => [name, valueOf(value)])),
  ];
}

function valueOf(value) {
  if (Array.isArray(value)) return value.flatMap((one, at) => [at ? ", " : "", id(one)]);
  if (value === null || value === "" || JSON.stringify(value) === "{}") return NOTHING;
  return typeof value === "object" ? id(JSON.stringify(value)) : String(value);
}
