// What stands beside the drawings: the rules, the levels, the times.

const RULES = {
  receptive_field: ["Receptive fields", "Cells that look at a place nearest the box's corners, the box shrunk a little first. The authors' code."],
  floor_ceil: ["Floor and ceil", "Inward at every side: floor(x / S) + 1 to ceil(x / S) − 1. The paper's journal version."],
  rounded: ["Rounded", "Each corner to the nearest cell, both cells included. Fast R-CNN and torchvision's roi_pool."],
};
const LEVELS = [8, 6, 4, 3, 2, 1];

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

export function makeRules(host, names, chosen, change) {
  for (const name of names) {
    const [title, text] = RULES[name] ?? [name, ""];
    const input = element("input", { type: "radio", name: "rule", value: name });
    input.checked = name === chosen;
    input.addEventListener("change", () => change(name));
    const cells = element("span", { class: "cells", id: `cells-${name}` });
    host.append(element("label", { class: `rule ${name}` }, input, element("b", {}, title), cells, element("small", {}, text)));
  }
}

export function tellRules(rules) {
  for (const [name, [x, y, width, height]] of Object.entries(rules)) {
    const cells = document.getElementById(`cells-${name}`);
    cells.textContent = `${width} × ${height} cells from (${x}, ${y})`;
  }
}

export function makeLevels(host, chosen, change) {
  host.append(element("span", {}, "Levels"));
  const all = [...new Set([...LEVELS, ...chosen])].sort((a, b) => b - a);
  for (const n of all) {
    const input = element("input", { type: "checkbox", value: n, id: `level-${n}` });
    input.checked = chosen.includes(n);
    input.addEventListener("change", () => {
      const levels = [...host.querySelectorAll("input:checked")].map(({ value }) => Number(value));
      if (levels.length === 0) input.checked = true;
      else change(levels);
    });
    host.append(element("label", { class: "chip" }, input, ` ${n} × ${n}`));
  }
}

const seconds = (value) => (value < 1 ? `${Math.max(1, Math.round(value * 1000))} ms` : `${value.toPrecision(3)} s`);

function bar(title, parts, total) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 1000 26");
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("aria-hidden", "true");
  let begin = 0;
  for (const [kind, value] of parts) {
    const piece = document.createElementNS("http://www.w3.org/2000/svg", "rect");
    const width = Math.max(3, (1000 * value) / total);
    for (const [key, number] of Object.entries({ x: begin, width, height: 26, class: kind })) piece.setAttribute(key, number);
    begin += width;
    svg.append(piece);
  }
  return element("div", { class: "bar" }, element("span", {}, title), svg, element("output", {}, seconds(parts.reduce((sum, [, value]) => sum + value, 0))));
}

export function tellTimes(host, caption, { windows, measured, scales, maps, head, rcnn }) {
  const ratio = rcnn / (maps + head);
  host.replaceChildren(
    bar("SPP-net", [["maps", maps], ["head", head]], rcnn),
    bar("R-CNN", [["rcnn", rcnn]], rcnn),
    element(
      "div",
      { class: "legend" },
      element("span", { class: "maps" }, "convolutions, once a scale"),
      element("span", { class: "head" }, "pooling and scores"),
      element("span", { class: "rcnn" }, "convolutions, once a window"),
    ),
    element(
      "dl",
      { class: "passes" },
      element("dt", {}, "SPP-net"),
      element("dd", {}, `${scales} ${scales === 1 ? "pass" : "passes"} through the convolutions, one an image scale`),
      element("dt", {}, "R-CNN"),
      element("dd", {}, `${windows.toLocaleString("en")} passes, one a window`),
    ),
    element("p", { class: "ratio", id: "ratio" }, `${ratio.toPrecision(2)} times faster`),
  );
  caption.textContent =
    `Measured just now on this machine, with the same network, for ${windows.toLocaleString("en")} windows. R-CNN, which sends ` +
    `every window through the network by itself, was timed on ${measured} of them and scaled up.`;
}
