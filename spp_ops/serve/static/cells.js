// The feature map, whole and about the window: cells, bins, and the cell that wins each bin.

import { frame, place, prepare, ring, ruleColor, WINNER } from "./drawing.js";

const MARGIN = 1.5; // cells shown around the window
const GRID = "rgb(255 255 255 / 34%)";

// The whole map, with the window under each rule.
export function drawMap(canvas, { answer, picture, rule, lit }) {
  const shown = canvas.clientWidth;
  const size = shown / picture.width;
  const context = prepare(canvas, shown, picture.height * size);
  context.imageSmoothingEnabled = false;
  context.drawImage(picture, 0, 0, shown, picture.height * size);
  const onScreen = ([x, y, width, height]) => [x * size, y * size, width * size, height * size];
  for (const [other, cells] of Object.entries(answer.rules)) {
    if (other !== rule) frame(context, onScreen(cells), ruleColor(other), 2, [5, 4]);
  }
  const [x, y, width, height] = onScreen(answer.rules[rule]);
  context.save();
  context.fillStyle = "rgb(0 0 0 / 30%)";
  context.beginPath();
  context.rect(0, 0, shown, picture.height * size);
  context.rect(x, y, width, height);
  context.fill("evenodd");
  context.restore();
  frame(context, [x, y, width, height], ruleColor(rule), 3);
  if (!lit) return;
  answer.levels[lit.level].winners.forEach((cell, bin) => {
    if (cell) ring(context, (cell[0] + 0.5) * size, (cell[1] + 0.5) * size, Math.max(2.5, size / 3), bin === lit.bin);
  });
}

// The window enlarged. `light({level, bin})` is called with the bin that the user points at or steps to.
export class Zoom {
  constructor(canvas, light) {
    this.canvas = canvas;
    this.light = light;
    this.shown = null;
    canvas.addEventListener("pointermove", (event) => this.#move(event));
    canvas.addEventListener("keydown", (event) => this.#key(event));
  }

  draw(shown) {
    this.shown = shown;
    const { answer, picture, rule, lit } = shown;
    const [x, y, width, height] = answer.rules[rule];
    const [wide, high] = [this.canvas.clientWidth, this.canvas.clientHeight];
    this.size = Math.min(wide / (width + 2 * MARGIN), high / (height + 2 * MARGIN));
    this.left = x - (wide / this.size - width) / 2;
    this.top = y - (high / this.size - height) / 2;
    const context = prepare(this.canvas, wide, high);
    context.imageSmoothingEnabled = false;
    context.drawImage(picture, ...this.#onScreen([0, 0, picture.width, picture.height]));
    this.#grid(context, [x, y, width, height]);
    for (const [other, cells] of Object.entries(answer.rules)) {
      if (other !== rule) frame(context, this.#onScreen(cells), ruleColor(other), 2, [6, 4]);
    }
    const level = answer.levels[lit.level];
    for (const bin of level.cells) frame(context, this.#between(bin), "rgb(255 255 255 / 85%)", 1.4);
    frame(context, this.#onScreen([x, y, width, height]), ruleColor(rule), 3);
    const [left, top, w, h] = this.#between(level.cells[lit.bin]);
    context.fillStyle = "rgb(255 243 107 / 22%)";
    context.fillRect(left, top, w, h);
    frame(context, [left, top, w, h], WINNER, 2.5);
    level.winners.forEach((cell, bin) => {
      if (cell) ring(context, (cell[0] + 0.5 - this.left) * this.size, (cell[1] + 0.5 - this.top) * this.size, Math.max(2.5, this.size * 0.3), bin === lit.bin);
    });
  }

  #grid(context, [x, y, width, height]) {
    if (this.size < 5) return;
    context.strokeStyle = GRID;
    context.lineWidth = 0.5;
    context.beginPath();
    for (let column = x; column <= x + width; column++) {
      context.moveTo((column - this.left) * this.size, (y - this.top) * this.size);
      context.lineTo((column - this.left) * this.size, (y + height - this.top) * this.size);
    }
    for (let row = y; row <= y + height; row++) {
      context.moveTo((x - this.left) * this.size, (row - this.top) * this.size);
      context.lineTo((x + width - this.left) * this.size, (row - this.top) * this.size);
    }
    context.stroke();
  }

  #onScreen([x, y, width, height]) {
    return [(x - this.left) * this.size, (y - this.top) * this.size, width * this.size, height * this.size];
  }

  #between([x1, y1, x2, y2]) {
    return this.#onScreen([x1, y1, x2 - x1, y2 - y1]);
  }

  #move(event) {
    if (!this.shown) return;
    const [x, y] = place(this.canvas, event);
    const [column, row] = [Math.floor(x / this.size + this.left), Math.floor(y / this.size + this.top)];
    const { answer, lit } = this.shown;
    // Bins may share a row or a column of cells: the first one is lit.
    const bin = answer.levels[lit.level].cells.findIndex(
      ([x1, y1, x2, y2]) => x1 <= column && column < x2 && y1 <= row && row < y2,
    );
    if (bin >= 0) this.light({ level: lit.level, bin });
  }

  #key(event) {
    if (!this.shown) return;
    const { answer, lit } = this.shown;
    const n = answer.levels[lit.level].bins;
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: n, ArrowUp: -n }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const bin = lit.bin + step;
    if (bin >= 0 && bin < n * n) this.light({ level: lit.level, bin });
  }
}
