// The photo: its windows, the chosen one, what is found, and where in it the winners look.

import { frame, place, prepare, ring, ruleColor } from "./drawing.js";

const OUTLINES = 60; // windows drawn faintly, so that the photo can still be seen
const LEAST_DRAG = 6; // pixels
const CROWDED = 9; // pixels a bin, below which only the lit one's winner is drawn

export class Photo {
  // `choose(box, held)` is called with the window that the user points at, steps to, or draws.
  constructor(canvas, choose) {
    this.canvas = canvas;
    this.choose = choose;
    this.study = null;
    this.held = false;
    canvas.addEventListener("pointermove", (event) => this.#move(event));
    canvas.addEventListener("pointerdown", (event) => this.#press(event));
    canvas.addEventListener("pointerup", (event) => this.#release(event));
    canvas.addEventListener("keydown", (event) => this.#key(event));
  }

  show(study, picture) {
    this.study = study;
    this.picture = picture;
    this.held = false;
    this.row = 0;
    this.byArea = study.windows.map((_, row) => row).sort((a, b) => area(study.windows[a]) - area(study.windows[b]));
  }

  // The window that suits a point best: of those around it the one whose center is nearest, relative to its size.
  around(x, y) {
    let best = null;
    let least = Infinity;
    this.study.windows.forEach((box, row) => {
      const [x1, y1, x2, y2] = box;
      if (x < x1 || x > x2 || y < y1 || y > y2) return;
      const distance = Math.hypot((x1 + x2) / 2 - x, (y1 + y2) / 2 - y) / Math.sqrt(area(box)) + 12 / Math.sqrt(area(box));
      if (distance < least) [best, least] = [row, distance];
    });
    return best;
  }

  draw({ box, found, answer, lit, rule }) {
    if (!this.study) return;
    const { width, height, windows } = this.study;
    const shown = this.canvas.clientWidth;
    this.scale = shown / width;
    const context = prepare(this.canvas, shown, height * this.scale);
    context.drawImage(this.picture, 0, 0, shown, height * this.scale);
    const step = Math.max(1, Math.floor(windows.length / OUTLINES));
    for (let row = 0; row < windows.length; row += step) frame(context, this.#onScreen(windows[row]), "rgb(255 255 255 / 16%)", 1);
    if (box) this.#window(context, box, answer, lit, rule);
    for (const object of found) this.#object(context, object);
  }

  #window(context, box, answer, lit, rule) {
    const [x, y, width, height] = this.#onScreen(box);
    context.save();
    context.fillStyle = "rgb(0 0 0 / 38%)";
    context.beginPath();
    context.rect(0, 0, this.canvas.clientWidth, this.study.height * this.scale);
    context.rect(x, y, width, height);
    context.fill("evenodd");
    context.restore();
    frame(context, [x, y, width, height], ruleColor(rule), 3);
    if (!answer || !lit) return;
    const crowded = Math.min(width, height) / answer.levels[lit.level].bins < CROWDED;
    answer.levels[lit.level].places.forEach((at, bin) => {
      if (at === null || (crowded && bin !== lit.bin)) return;
      if (bin === lit.bin) {
        const [wide, high] = answer.field.map((extent) => extent * this.scale);
        frame(context, [this.#x(at[0]) - wide / 2, this.#x(at[1]) - high / 2, wide, high], "#fff36b", 1.5, [4, 3]);
      }
      ring(context, this.#x(at[0]), this.#x(at[1]), 4, bin === lit.bin);
    });
  }

  #object(context, { box, score, class: name }) {
    const [x, y, width, height] = this.#onScreen(box);
    const text = `${name}  ${score.toFixed(2)}`;
    frame(context, [x, y, width, height], "rgb(0 0 0 / 55%)", 4);
    frame(context, [x, y, width, height], "#ffffff", 2);
    context.font = "600 12px system-ui, 'DejaVu Sans', sans-serif";
    const wide = context.measureText(text).width + 10;
    const top = y >= 18 ? y - 18 : y;
    context.fillStyle = "#ffffff";
    context.fillRect(x - 1, top, wide, 18);
    context.fillStyle = "#1b2330";
    context.fillText(text, x + 4, top + 13);
  }

  #onScreen([x1, y1, x2, y2]) {
    return [x1 * this.scale, y1 * this.scale, (x2 - x1 + 1) * this.scale, (y2 - y1 + 1) * this.scale];
  }

  #x(position) {
    return (position + 0.5) * this.scale;
  }

  #point(event) {
    return place(this.canvas, event).map((position) => position / this.scale);
  }

  #take(row, held) {
    if (row === null || row === undefined) return;
    this.row = row;
    this.held = held;
    this.choose(this.study.windows[row], held);
  }

  #move(event) {
    if (!this.study) return;
    const [x, y] = this.#point(event);
    if (this.from) {
      const box = between(this.from, [x, y], this.study);
      if (Math.max(box[2] - box[0], box[3] - box[1]) * this.scale >= LEAST_DRAG) {
        this.drawn = true;
        this.held = true;
        this.choose(box, true);
      }
    } else if (!this.held) {
      this.#take(this.around(x, y), false);
    }
  }

  #press(event) {
    if (!this.study || event.button !== 0) return;
    this.from = this.#point(event);
    this.drawn = false;
    if (event.pointerType === "mouse") this.canvas.setPointerCapture(event.pointerId);
  }

  #release(event) {
    if (!this.from) return;
    this.from = null;
    if (this.drawn) return;
    if (this.held && event.pointerType === "mouse") {
      this.held = false;
      this.#move(event);
    } else {
      this.#take(this.around(...this.#point(event)), true);
    }
  }

  #key(event) {
    if (!this.study || !this.study.windows.length) return;
    const count = this.study.windows.length;
    const steps = { ArrowRight: 1, ArrowLeft: -1 };
    const sizes = { ArrowUp: 1, ArrowDown: -1 };
    if (event.key in steps) this.#take((this.row + steps[event.key] + count) % count, true);
    else if (event.key in sizes) this.#resize(sizes[event.key]);
    else if (event.key === "Escape") this.held = false;
    else return;
    event.preventDefault();
  }

  // The next larger or smaller window about the same point.
  #resize(direction) {
    const [x1, y1, x2, y2] = this.study.windows[this.row];
    const [x, y] = [(x1 + x2) / 2, (y1 + y2) / 2];
    const rows = direction > 0 ? this.byArea : [...this.byArea].reverse();
    const now = area(this.study.windows[this.row]);
    const next = rows.find((row) => {
      const box = this.study.windows[row];
      return direction * (area(box) - now) > 0 && box[0] <= x && x <= box[2] && box[1] <= y && y <= box[3];
    });
    this.#take(next ?? this.row, true);
  }
}

const area = ([x1, y1, x2, y2]) => (x2 - x1 + 1) * (y2 - y1 + 1);

function between([x, y], [u, v], { width, height }) {
  const within = (position, limit) => Math.min(Math.max(Math.round(position), 0), limit - 1);
  const [left, right] = [within(Math.min(x, u), width), within(Math.max(x, u), width)];
  const [top, bottom] = [within(Math.min(y, v), height), within(Math.max(y, v), height)];
  return [left, top, right, bottom];
}
