// The page: which view the address names, and what keeps it up to date.

import { Problem, follow, keepToken } from "./api.js";
import { fill, h } from "./dom.js";
import * as item from "./views/item.js";
import * as letters from "./views/letters.js";
import * as project from "./views/project.js";
import * as projects from "./views/projects.js";

// A view has a title, and `show(main, parameters, signal)`, which draws it and returns what it does
// with each event and which events it follows.
const VIEWS = { "": projects, project, item, "dead-letters": letters };
const AGAIN_SECONDS = 3;

const main = document.getElementById("main");
const live = document.getElementById("live");
let leaving = new AbortController();

function where() {
  const [view, parameters] = location.hash.replace(/^#\/?/, "").split("?");
  return [VIEWS[view] ?? projects, Object.fromEntries(new URLSearchParams(parameters ?? ""))];
}

async function open({ moved }) {
  leaving.abort();
  leaving = new AbortController();
  const { signal } = leaving;
  const [view, parameters] = where();
  document.title = `${view.title(parameters)} · activelab-stream`;
  if (moved) {
    fill(main, h("p", { class: "note" }, "Asking the worker…"));
    main.focus();
    scrollTo(0, 0);
  }
  while (!signal.aborted) {
    try {
      const { told, followed } = await view.show(main, parameters, signal);
      live.textContent = "Live";
      await follow(followed, told, signal);
    } catch (error) {
      if (signal.aborted) return;
      if (!explain(error)) return;
    }
    await new Promise((resolve) => setTimeout(resolve, AGAIN_SECONDS * 1000));
  }
}

// Says why there is nothing to see; returns whether it is worth another try.
function explain(error) {
  if (!(error instanceof Problem)) {
    live.textContent = "This page has failed";
    throw error;
  }
  live.textContent = "Not live";
  if (error.status === 401) {
    fill(main, tokenForm());
    return false;
  }
  if (error.status === 0 || error.status >= 500) {
    live.textContent = `Not live: ${error.message}`;
    return true;
  }
  fill(main, h("h1", null, "Nothing to see here"), h("p", { role: "alert" }, error.message));
  return false;
}

function tokenForm() {
  const input = h("input", { id: "token", type: "password", autocomplete: "off", required: "" });
  const form = h("form", null,
    h("label", null, "Token", input), h("button", { type: "submit" }, "Read with it"));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    keepToken(input.value);
    open({ moved: true });
  });
  return [
    h("h1", null, "A token is needed"),
    h("p", null, "It is the worker's STREAM_APP_API_TOKEN; this tab alone remembers it."),
    form,
  ];
}

addEventListener("hashchange", () => {
  if (location.hash === "#main") main.focus();
  else open({ moved: true });
});
document.addEventListener("visibilitychange", () => {
  if (document.hidden) leaving.abort();
  else open({ moved: false });
});
open({ moved: false });
