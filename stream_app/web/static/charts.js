// Lines over time, and intervals, drawn as SVG.

import { h, svg } from "./dom.js";

const [WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM] = [400, 160, 52, 8, 8, 20];

const day = new Intl.DateTimeFormat("en-GB", { month: "short", day: "numeric" });
const hour = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });

function scale([low, high], [from, to]) {
  const width = high - low || 1;
  return (value) => from + ((value - low) / width) * (to - from);
}

// Series are {name, points: [[time, value or null]]}; null leaves a gap.
export function lines(title, series, shown, ceiling) {
  const points = series.flatMap((one) => one.points).filter(([, value]) => value !== null);
  if (points.length === 0) {
    return h("figure", null, h("figcaption", null, title), h("p", { class: "note" }, "Nothing yet."));
  }
  const times = points.map(([when]) => when);
  const span = [Math.min(...times), Math.max(...times)];
  const top = ceiling ?? Math.max(...points.map(([, value]) => value), 1e-9);
  const x = scale(span, [LEFT, WIDTH - RIGHT]);
  const y = scale([0, top], [HEIGHT - BOTTOM, TOP]);
  const last = series.map((one) => {
    const known = one.points.filter(([, value]) => value !== null).at(-1);
    return known ? `${one.name}: ${shown(known[1])} at last` : `${one.name}: not known`;
  });
  return h("figure", null,
    h("figcaption", null, title),
    svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": `${title}. ${last.join("; ")}.` },
      grid(top, shown, y), axis(span),
      series.map((one, number) => [
        svg("path", { class: `series s${number}`, d: path(one.points, x, y) }),
        one.points.length > 40 ? [] : one.points.filter(([, value]) => value !== null).map(([when, value]) =>
          svg("circle", { class: `dot s${number}`, cx: x(when), cy: y(value), r: 2.5 })),
      ])),
    h("ul", { class: "legend" }, series.map((one, number) =>
      h("li", null, swatch(number), " ", last[number]))));
}

function path(points, x, y) {
  let pen = "M";
  let drawn = "";
  for (const [when, value] of points) {
    if (value === null) {
      pen = "M";
    } else {
      drawn += `${pen}${x(when).toFixed(1)} ${y(value).toFixed(1)}`;
      pen = "L";
    }
  }
  return drawn;
}

function grid(top, shown, y) {
  return [0, top / 2, top].map((value) => [
    svg("line", { class: "grid", x1: LEFT, x2: WIDTH - RIGHT, y1: y(value), y2: y(value) }),
    svg("text", { x: LEFT - 4, y: y(value) + 4, "text-anchor": "end" }, shown(value)),
  ]);
}

function axis([first, last]) {
  const format = last - first > 36 * 3600e3 ? day : hour;
  return [
    svg("text", { x: LEFT, y: HEIGHT - 5 }, format.format(first)),
    svg("text", { x: WIDTH - RIGHT, y: HEIGHT - 5, "text-anchor": "end" }, format.format(last)),
  ];
}

const swatch = (number) =>
  svg("svg", { viewBox: "0 0 24 10", "aria-hidden": "true" },
    svg("line", { class: `s${number}`, "stroke-width": 3, x1: 0, x2: 24, y1: 5, y2: 5 }));

// A share and the interval that holds it, between 0 and 1.
export function interval(low, point, high, said) {
  return svg("svg", { class: "interval", viewBox: "0 0 100 10", preserveAspectRatio: "none", role: "img", "aria-label": said },
    svg("line", { class: "rail", x1: 0, x2: 100, y1: 5, y2: 5 }),
    svg("line", { class: "span", x1: 100 * low, x2: 100 * high, y1: 5, y2: 5 }),
    svg("rect", { class: "point", x: 100 * point - 0.75, y: 1, width: 1.5, height: 8 }));
}

// How much of a whole is used.
export function bar(used, whole, said) {
  return svg("svg", { class: "budget", viewBox: "0 0 100 10", preserveAspectRatio: "none", role: "img", "aria-label": said },
    svg("rect", { class: "used", x: 0, y: 0, width: whole ? Math.min(100, (100 * used) / whole) : 0, height: 10 }));
}
