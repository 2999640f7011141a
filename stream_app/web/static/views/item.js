// One item: why it stands where it does.

import { get } from "../api.js";
import { figures, fill, h, id, link, table } from "../dom.js";
import { NOTHING, REASONS, count, few, percent, score, time } from "../words.js";

const STATES = {
  open: "It could be selected.",
  "on lease": "It is on lease: a window has selected it, and it is not selected again until it is answered or its time is over.",
  answered: "It has as many answers as the project wants.",
  done: "It is done: its consensus has the quality that the project wants.",
  excluded: "It is excluded: it leaves every statistic.",
  unknown: "It does not exist: nothing that counts was said of it.",
};

export const title = ({ item }) => item;

export async function show(main, { project, item }, signal) {
  const read = async () => {
    const [state, chosen] = await Promise.all([
      get("/item", { project, item }, signal), get("/selections", { project, item }, signal),
    ]);
    draw(main, state, chosen);
  };
  await read();
  let known = null;
  const told = (summary) => {
    const news = `${summary.windows} ${summary.labels} ${summary.leases}`;
    if (known !== null && news !== known) read().catch((error) => console.warn(error.message));
    known = news;
  };
  return { told, followed: { project } };
}

function draw(main, state, chosen) {
  fill(main,
    h("p", null, "Item of ", link("project", { project: state.project }, id(state.project))),
    h("h1", null, id(state.item)),
    h("p", null, STATES[state.state],
      state.leased_until ? [" The lease ends at ", time(state.leased_until), "."] : "",
      state.stratum === null ? "" : [" Its stratum is ", id(state.stratum), "."]),
    state.standing ? standing(state) : null,
    h("h2", null, "Answers"),
    state.answers.length ? table("Who has said what, and how far that is trusted", ANSWERS, state.answers)
      : h("p", null, "Nobody has answered."),
    h("h2", null, "Predictions"),
    state.predictions.length ? table("What models say", PREDICTIONS, state.predictions)
      : h("p", null, "No model has said anything."),
    state.one_more.length ? [
      h("h2", null, "If it had one more label"),
      h("p", { class: "note" }, "By an annotator of whom nothing is known, under the parameters of the last fit."),
      table("What one more label would change", outcomes(state.standing), state.one_more),
    ] : null,
    h("h2", null, "Selected by"),
    chosen.selections.length ? table("Windows that have selected it", SELECTIONS, chosen.selections)
      : h("p", null, "No window has selected it",
        chosen.looked_at ? `, among the last ${count(chosen.looked_at)} selections.` : "."));
}

function standing({ standing: now, method, num_answers: answers, max_answers: most }) {
  return [
    figures([
      ["Consensus", now.consensus_label === null ? NOTHING : id(now.consensus_label)],
      ["Quality", percent(now.consensus_quality)],
      [`Score by ${method}`, score(now.method_score)],
      ["Place", now.place === null ? "not in line" : `${count(now.place)} of ${count(now.eligible)}`],
      ["Answers", `${count(answers)} of ${count(most)} at most`],
    ]),
    h("h2", null, "What they say together"),
    table("The posterior", [
      ["Class", ([name]) => id(name)],
      ["Probability", ([, share]) => percent(share), "number"],
    ], likeliest(now.posterior)),
  ];
}

const likeliest = (shares) => Object.entries(shares).sort(([, a], [, b]) => b - a).slice(0, 12);

const inWords = (shares) => likeliest(shares).slice(0, 4)
  .flatMap(([name, share], at) => [at ? ", " : "", id(name), ` ${percent(share)}`]);

const ANSWERS = [
  ["Annotator", (one) => id(one.annotator)],
  ["Label", (one) => (one.label === null ? "(abstained)" : [id(one.label), one.dormant ? " (no class of the project)" : ""])],
  ["Agreement", (one) => percent(one.annotator_agreement), "number wide"],
  ["Weight", (one) => few(one.annotator_weight), "number"],
  ["At", (one) => time(one.time), "wide"],
];

const PREDICTIONS = [
  ["Model", (one) => id(one.model)],
  ["Says", (one) => inWords(one.pred_probs)],
  ["Calibrated", (one) => (one.calibrated === null ? (one.dormant ? "not listed" : NOTHING) : inWords(one.calibrated))],
  ["Weight", (one) => few(one.model_weight), "number"],
  ["Version", (one) => String(one.version), "number wide"],
];

const outcomes = (now) => [
  ["If they say", (one) => id(one.label)],
  ["Which is likely by", (one) => percent(one.probability), "number wide"],
  ["Consensus", (one) => [id(one.consensus_label), one.consensus_label === now.consensus_label ? "" : " (changes)"]],
  ["Quality", (one) => percent(one.consensus_quality), "number"],
  ["Score", (one) => score(one.activelab_score), "number"],
];

const SELECTIONS = [
  ["Window", (one) => count(one.window), "number"],
  ["Rank", (one) => `${count(one.rank)} of ${count(one.of)}`, "number"],
  ["Reason", (one) => REASONS[one.reason], "word"],
  ["Score", (one) => score(one.score), "number"],
  ["On lease until", (one) => time(one.until), "wide"],
];
