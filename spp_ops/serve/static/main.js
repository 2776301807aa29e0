// The page's state, and how its parts hear of changes.

import * as api from "./api.js";
import { drawMap, Zoom } from "./cells.js";
import { makeLevels, makeRules, tellRules, tellTimes } from "./panels.js";
import { Photo } from "./photo.js";
import { Pyramid } from "./pyramid.js";

const at = (id) => document.getElementById(id);
const state = { about: null, study: null, box: null, levels: [], rule: "", channel: 0, threshold: 0.5, lit: null, answer: null };
const pictures = new Map(); // maps by number and channel
const MOST_PICTURES = 64;

const photo = new Photo(at("photo"), (box) => {
  state.box = box;
  ask();
});
const zoom = new Zoom(at("zoom"), light);
const pyramid = new Pyramid(at("grids"), light);

// Asks about the window as things stand; what the user does meanwhile is asked next.
const put = api.latest(
  async (image, question) => {
    const answer = await api.explain(image, question);
    const key = `${image} ${answer.map} ${question.channel}`;
    if (!pictures.has(key)) {
      if (pictures.size >= MOST_PICTURES) pictures.delete(pictures.keys().next().value);
      pictures.set(key, await api.mapImage(image, answer.map, question.channel));
    }
    return { answer, picture: pictures.get(key) };
  },
  ({ answer, picture }, image, question) => {
    if (image !== state.study.image) return;
    const known = state.lit && state.lit.level < answer.levels.length && state.lit.bin < answer.levels[state.lit.level].bins ** 2;
    Object.assign(state, { answer, picture, asked: question, lit: known ? state.lit : { level: 0, bin: 0 } });
    draw();
  },
  complain,
);

function ask() {
  const { study, box, levels, rule, channel } = state;
  if (study && box) put(study.image, { box, levels, rule, channel });
}

function light(lit) {
  state.lit = lit;
  draw();
}

function draw() {
  const { study, answer, picture, asked, lit, threshold } = state;
  if (!study) return;
  const found = study.detections.filter(({ score }) => score >= threshold);
  at("count").textContent = `${found.length} object${found.length === 1 ? "" : "s"}`;
  photo.draw({ box: asked?.box, found, answer, lit, rule: asked?.rule ?? state.rule });
  if (!answer) return;
  const shown = { answer, picture, rule: asked.rule, lit };
  drawMap(at("map"), shown);
  zoom.draw(shown);
  pyramid.draw(shown);
  tell(shown);
}

function tell({ answer, rule, lit }) {
  const { study, asked } = state;
  const map = study.maps[answer.map];
  tellRules(answer.rules);
  const which = study.maps.length > 1 ? ` Of ${study.maps.length} maps, one an image scale, this one suits the window's size.` : "";
  at("map-caption").textContent =
    `The convolutions ran once: ${map.width} × ${map.height} cells, each of which looks at ${answer.field.map(Math.round).join(" × ")} pixels.${which}`;
  const bins = answer.levels.reduce((sum, level) => sum + level.bins ** 2, 0);
  at("length").textContent = `${bins} bins × ${study.channels} channels = ${(bins * study.channels).toLocaleString("en")} numbers, whatever the window's size.`;
  const level = answer.levels[lit.level];
  const [winner, value] = [level.winners[lit.bin], level.values[lit.bin]];
  const place = `row ${Math.floor(lit.bin / level.bins) + 1}, column ${(lit.bin % level.bins) + 1} of ${level.bins} × ${level.bins}`;
  let text = `Bin in ${place} holds no cell: its value is 0.`;
  if (winner && asked.channel === "all") text = `Bin in ${place}: cell (${winner.join(", ")}) wins ${Math.round(100 * value)} % of the channels.`;
  else if (winner) text = `Bin in ${place}: cell (${winner.join(", ")}) wins with ${value.toPrecision(3)}${value === 0 ? ", the first of equals" : ""}.`;
  at("told").textContent = winner ? `${text} It looks at the dashed square of the photo.` : text;
  Object.assign(document.body.dataset, {
    box: asked.box.join(),
    rule,
    map: answer.map,
    cells: answer.rules[rule].join(),
    winners: JSON.stringify(answer.levels.map(({ winners }) => winners)),
  });
}

function complain(error) {
  at("message").textContent = error.message;
  at("message").hidden = false;
}

async function load(request) {
  at("message").hidden = true;
  at("wait").hidden = false;
  document.body.dataset.ready = "no";
  try {
    const study = await request();
    const bitmap = await api.picture(study.image);
    Object.assign(state, { study, answer: null, asked: null, lit: null, channel: at("all").checked ? "all" : study.channel });
    pictures.clear();
    photo.show(study, bitmap);
    at("window-count").textContent = study.windows.length.toLocaleString("en");
    at("channel").max = study.channels - 1;
    at("channel").value = study.channel;
    at("channel-value").textContent = study.channel;
    state.box = first(study);
    draw();
    ask();
    tellTimes(at("times"), at("times-caption"), await api.times(study.image));
  } catch (error) {
    complain(error);
  } finally {
    at("wait").hidden = true;
    document.body.dataset.ready = "yes";
  }
}

// The window to begin with: the place of the largest object that is shown, else the first window.
function first({ detections, windows, width, height }) {
  const area = ({ box: [x1, y1, x2, y2] }) => (x2 - x1) * (y2 - y1);
  const shown = detections.filter(({ score }) => score >= state.threshold).sort((a, b) => area(b) - area(a));
  return (shown[0]?.box ?? windows[0] ?? [0, 0, width - 1, height - 1]).map(Math.round);
}

async function open(file) {
  if (!file) return;
  if (file.size > state.about.limits.bytes) {
    complain(new Error(`image: expected a file of at most ${state.about.limits.bytes / 1e6} MB`));
    return;
  }
  await load(() => api.addImage(file));
}

const openSample = () => load(api.addSample);

function listen() {
  at("sample").addEventListener("click", openSample);
  at("file").addEventListener("change", ({ target }) => {
    open(target.files[0]);
    target.value = "";
  });
  at("threshold").addEventListener("input", ({ target }) => {
    state.threshold = Number(target.value);
    at("threshold-value").textContent = state.threshold.toFixed(2);
    draw();
  });
  const channel = () => {
    state.channel = at("all").checked ? "all" : Number(at("channel").value);
    at("channel").disabled = at("all").checked;
    at("channel-value").textContent = state.channel;
    ask();
  };
  at("channel").addEventListener("input", channel);
  at("all").addEventListener("change", channel);
  const drop = at("drop");
  for (const kind of ["dragover", "dragleave", "drop"]) {
    document.addEventListener(kind, (event) => {
      event.preventDefault();
      drop.classList.toggle("over", kind === "dragover");
      if (kind === "drop") open(event.dataTransfer.files[0]);
    });
  }
  window.addEventListener("resize", draw);
}

async function start() {
  const about = await api.about();
  Object.assign(state, { about, levels: about.levels, rule: about.rule, threshold: about.threshold });
  const slider = at("threshold");
  if (!about.probabilities) Object.assign(slider, { min: -2, max: 4 });
  slider.value = about.threshold;
  at("threshold-value").textContent = about.threshold.toFixed(2);
  makeRules(at("rules"), about.rules, about.rule, (rule) => {
    state.rule = rule;
    ask();
  });
  makeLevels(at("levels"), about.levels, (levels) => {
    Object.assign(state, { levels, lit: null });
    ask();
  });
  at("about").textContent = `${about.name}: ${about.arch}, finds ${about.classes.slice(0, 12).join(", ")}${about.classes.length > 12 ? ", ..." : ""}. Objects are found by the detector's own rule and levels.`;
  listen();
  await openSample();
}

start().catch(complain);
