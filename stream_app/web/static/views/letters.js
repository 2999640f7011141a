// Dead letters: records that were not accepted, or not whole.

import { get } from "../api.js";
import { fill, h, id, table } from "../dom.js";
import { NOTHING, count, time } from "../words.js";

const LOOK_SECONDS = 10;

export const title = () => "Dead letters";

export async function show(main, parameters, signal) {
  const read = async () => draw(main, await get("/dead-letters", {}, signal));
  await read();
  const looking = setInterval(() => read().catch((error) => console.warn(error.message)), LOOK_SECONDS * 1000);
  signal.addEventListener("abort", () => clearInterval(looking), { once: true });
  return { told: () => {}, followed: {} };
}

function draw(main, { letters }) {
  fill(main,
    h("h1", null, "Dead letters"),
    h("p", { class: "note" }, "The last records of the deployment that were not accepted, or not whole; ",
      h("code", null, "activelab-stream dead-letters redrive"), " puts those back that belong elsewhere."),
    letterTable(letters));
}

export const letterTable = (letters) =>
  letters.length ? table("Dead letters, the newest first", COLUMNS, letters) : h("p", null, "There are none.");

const COLUMNS = [
  ["At", (one) => time(one.time), "wide"],
  ["Record", (one) => `${one.topic} ${one.partition}, ${count(one.offset)}`],
  ["Reason", (one) => reason(one)],
  ["Key", (one) => (one.key === null ? NOTHING : id(one.key)), "wide"],
  ["Begins", (one) => h("code", null, id(one.begins))],
];

function reason(one) {
  const number = one.rows === 1 ? "" : `${count(one.rows)} rows, `;
  const rows = one.rows ? `${number}row ${count(one.first_row)}: ${one.first_reason}` : "";
  const home = one.home === null ? "" : ` (belongs in partition ${one.home})`;
  return [one.reason, rows].filter(Boolean).join("; ") + home;
}
