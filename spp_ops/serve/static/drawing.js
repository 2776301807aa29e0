// Canvases that are sharp on every screen, and the colors that all of them share.

export const WINNER = "#fff36b";

export const ruleColor = (rule) => getComputedStyle(document.documentElement).getPropertyValue(`--${rule}`).trim();

// Sizes a canvas in CSS pixels and returns its context, cleared.
export function prepare(canvas, width, height) {
  const ratio = window.devicePixelRatio || 1;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  return context;
}

export function frame(context, [x, y, width, height], color, thickness, dash = []) {
  context.save();
  context.setLineDash(dash);
  context.strokeStyle = color;
  context.lineWidth = thickness;
  context.strokeRect(x, y, width, height);
  context.restore();
}

// A ring that shows on light and dark ground.
export function ring(context, x, y, radius, lit) {
  context.save();
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.lineWidth = lit ? 5 : 3.5;
  context.strokeStyle = "rgb(0 0 0 / 65%)";
  context.stroke();
  context.lineWidth = lit ? 3 : 1.6;
  context.strokeStyle = WINNER;
  context.stroke();
  context.restore();
}

// Where an event happened, in the canvas' CSS pixels.
export function place(canvas, event) {
  const bounds = canvas.getBoundingClientRect();
  return [event.clientX - bounds.left, event.clientY - bounds.top];
}
