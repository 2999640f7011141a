// All projects: what each is about, how far it is, and when its window closes.

import { get } from "../api.js";
import { fill, h, id, link, table } from "../dom.js";
import { count, duration, percent } from "../words.js";

export const title = () => "Projects";

export async function show(main, parameters, signal) {
  const told = (answer) => draw(main, answer);
  told(await get("/projects", {}, signal));
  return { told, followed: {} };
}

function draw(main, { projects, silent, more }) {
  fill(main,
    h("h1", null, "Projects"),
    projects.length
      ? table("Projects of this deployment", COLUMNS, projects)
      : h("p", null, "There is no project yet: ", h("code", null, "activelab-stream project set"), " creates one."),
    more ? h("p", { class: "note" }, `Only the first ${projects.length} are listed.`) : null,
    silent.length
      ? h("p", { role: "alert" }, `No worker answers for partitions ${silent.join(", ")}: their projects are not listed.`)
      : null);
}

const COLUMNS = [
  ["Project", (one) => link("project", { project: one.project }, id(one.project))],
  ["State", (one) => one.state, "word"],
  ["Items", (one) => count(one.items), "number"],
  ["Labels", (one) => count(one.labels), "number"],
  ["Quality", (one) => percent(one.quality), "number"],
  ["Budget left", (one) => `${count(one.budget_left)} of ${count(one.budget)}`, "number"],
  ["Closes in", (one) => closesIn(one), "number wide"],
  ["Windows", (one) => count(one.windows), "number wide"],
];

const closesIn = (one) =>
  one.next_boundary === null ? "on request" : duration((Date.parse(one.next_boundary) - Date.parse(one.now)) / 1000);
