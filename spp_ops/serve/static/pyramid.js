// The pooled numbers, level by level: what the layers above get, whatever the window's size.

import { frame, place, prepare, WINNER } from "./drawing.js";

const MOST = 216; // CSS pixels a side
const LEAST = 48;

export class Pyramid {
  // `light({level, bin})` is called with the bin that the user points at.
  constructor(host, light) {
    this.host = host;
    this.light = light;
  }

  draw({ answer, lit }) {
    const most = Math.max(...answer.levels.map(({ bins }) => bins));
    const [low, high] = extent(answer.levels.flatMap(({ values }) => values));
    this.#make(answer.levels.length);
    answer.levels.forEach(({ bins, values }, level) => {
      const figure = this.host.children[level];
      const side = Math.max(LEAST, (MOST * bins) / most);
      const canvas = figure.querySelector("canvas");
      figure.querySelector("figcaption").textContent = `${bins} × ${bins}`;
      figure.classList.toggle("lit", level === lit.level);
      canvas.style.width = canvas.style.height = `${side}px`;
      const context = prepare(canvas, side, side);
      const size = side / bins;
      values.forEach((value, bin) => {
        context.fillStyle = shade((value - low) / (high - low || 1));
        context.fillRect((bin % bins) * size + 0.5, Math.floor(bin / bins) * size + 0.5, size - 1, size - 1);
      });
      if (level === lit.level) {
        frame(context, [(lit.bin % bins) * size + 1.5, Math.floor(lit.bin / bins) * size + 1.5, size - 3, size - 3], WINNER, 3);
      }
      canvas.onpointermove = (event) => {
        const [x, y] = place(canvas, event).map((position) => Math.min(Math.max(Math.floor(position / size), 0), bins - 1));
        this.light({ level, bin: y * bins + x });
      };
    });
  }

  #make(count) {
    while (this.host.children.length > count) this.host.lastChild.remove();
    while (this.host.children.length < count) {
      const figure = document.createElement("figure");
      figure.append(document.createElement("canvas"), document.createElement("figcaption"));
      this.host.append(figure);
    }
  }
}

function extent(values) {
  return [Math.min(...values), Math.max(...values)];
}

// From dark violet over orange to pale yellow.
function shade(share) {
  const stops = [[28, 16, 68], [140, 41, 129], [241, 96, 93], [254, 202, 141], [252, 253, 191]];
  const position = share * (stops.length - 1);
  const first = Math.min(Math.floor(position), stops.length - 2);
  const mixed = stops[first].map((from, part) => from + (stops[first + 1][part] - from) * (position - first));
  return `rgb(${mixed.map(Math.round).join(" ")})`;
}
