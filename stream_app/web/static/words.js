// Numbers, shares and times as people read them.

import { h } from "./dom.js";

export const NOTHING = "–";

const whole = new Intl.NumberFormat("en");
const fine = new Intl.NumberFormat("en", { maximumSignificantDigits: 3 });

export const count = (number) => (number === null ? NOTHING : whole.format(number));
export const few = (number) => (number === null ? NOTHING : fine.format(number));
export const score = (number) => (number === null ? NOTHING : number.toFixed(4));
export const percent = (share) => (share === null ? NOTHING : `${(100 * share).toFixed(1)} %`);

const moment = new Intl.DateTimeFormat("en-GB", {
  day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", second: "2-digit",
});

// A time in the zone of whoever looks.
export const time = (text) =>
  text === null ? NOTHING : h("time", { datetime: text, title: text }, moment.format(new Date(text)));

export function duration(seconds) {
  const left = Math.max(0, Math.round(seconds));
  const [hours, minutes] = [Math.floor(left / 3600), Math.floor(left / 60) % 60];
  const parts = [String(minutes).padStart(2, "0"), String(left % 60).padStart(2, "0")];
  if (hours < 24) return [hours, ...parts].join(":");
  return `${Math.floor(hours / 24)} d ${[hours % 24, ...parts].join(":")}`;
}

export const REASONS = { first_label: "first label", relabel: "one more label" };
