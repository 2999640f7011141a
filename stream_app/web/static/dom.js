// Elements from data. Text is always a text node: nothing that anybody has named is markup.

const SVG = "http://www.w3.org/2000/svg";

function make(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  return element;
}

export const h = (tag, attributes, ...children) =>
  make(document.createElement(tag), attributes, children);

export const svg = (tag, attributes, ...children) =>
  make(document.createElementNS(SVG, tag), attributes, children);

// An id as it is, apart from its surroundings in direction; what can't be seen is written out.
export function id(text, attributes) {
  const shown = text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) =>
    `\\u{${character.codePointAt(0).toString(16)}}`);
  return h("bdi", { class: "id", ...attributes }, shown);
}

// Puts other children into a node, and the focus back on what had it, by its data-key.
export function fill(node, ...children) {
  const held = node.contains(document.activeElement) ? document.activeElement.dataset.key : undefined;
  node.replaceChildren(...children.flat(Infinity).filter(Boolean));
  if (held !== undefined) {
    for (const element of node.querySelectorAll("[data-key]")) {
      if (element.dataset.key === held) element.focus({ preventScroll: true });
    }
  }
}

// Columns are [heading, cell(row), class]; `key` names a row for the focus.
export function table(caption, columns, rows) {
  const head = columns.map(([heading, , kind]) => h("th", { scope: "col", class: kind }, heading));
  const body = rows.map((row) =>
    h("tr", null, columns.map(([, cell, kind]) => h("td", { class: kind }, cell(row)))));
  return h("div", { class: "scroll", tabindex: "0", role: "region", "data-key": caption, "aria-label": caption },
    h("table", null,
      h("caption", null, caption),
      h("thead", null, h("tr", null, head)),
      h("tbody", null, body)));
}

export const figures = (pairs) =>
  h("dl", { class: "figures" }, pairs.map(([name, value]) =>
    h("div", null, h("dt", null, name), h("dd", null, value))));

export const list = (pairs) =>
  h("dl", { class: "list" }, pairs.flatMap(([name, value]) =>
    [h("dt", null, name), h("dd", null, value)]));

export const link = (view, parameters, ...children) => {
  const target = `#/${view}?${new URLSearchParams(parameters)}`;
  return h("a", { href: target, "data-key": target }, ...children);
};
