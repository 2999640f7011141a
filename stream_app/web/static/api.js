// What the worker says: answers, problems, and events as they come.

const BASE = "/api/v1";
const KEPT = "activelab-token";

export class Problem extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

export const keepToken = (token) => sessionStorage.setItem(KEPT, token);

async function ask(path, parameters, signal) {
  const given = Object.entries(parameters ?? {}).filter(([, value]) => value !== undefined);
  const token = sessionStorage.getItem(KEPT);
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  let answer;
  try {
    answer = await fetch(`${BASE}${path}?${new URLSearchParams(given)}`, { headers, signal });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Problem(0, "The worker does not answer.");
  }
  if (!answer.ok) {
    const problem = await answer.json().catch(() => ({ detail: answer.statusText }));
    throw new Problem(answer.status, problem.detail);
  }
  return answer;
}

export const get = async (path, parameters, signal) =>
  (await ask(path, parameters, signal)).json();

// Calls `told` with the data of each event until the stream ends. Not an EventSource, which can't
// send a token.
export async function follow(parameters, told, signal) {
  const answer = await ask("/events", parameters, signal);
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let waiting = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const events = (waiting + value).split("\n\n");
    waiting = events.pop();
    for (const event of events) {
      const lines = event.split("\n").filter((line) => line.startsWith("data: "));
      if (lines.length) told(JSON.parse(lines.map((line) => line.slice(6)).join("\n")));
    }
  }
}
