// A recording over time: a lane for each channel or model, one axis, zoom, and the position of playback.
import { details } from "./bars.js";
import { dot } from "./colours.js";
import { drawEmotions, drawMel, drawWave, unpack } from "./draw.js";
import { labelName, number, t } from "./i18n.js";
import { indexAt, merged } from "./merge.js";

const element = (id) => document.getElementById(id);
const [tracks, lanesBox, head, pointer, axis, pan, values] =
  ["tracks", "lanes", "head", "pointer", "axis", "pan", "values"].map(element);
const SHORTEST_S = 0.2; // that a view shows
const STEPS = [0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200];
const TICK_PX = 90;

let shown = null; // { start, end, lanes: [{ name, segments, runs, picture, canvases }] }
let view = { from: 0, to: 1 };
let position = null; // of playback, in seconds; null before there was any
let handlers = { seek: () => {}, toggle: () => {} };

export function clock(seconds, digits = 0) {
  const unit = 10 ** digits;
  const whole = Math.floor(seconds * unit + 1e-6) / unit;
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  const rest = number(whole % 60, digits).padStart(digits ? digits + 3 : 2, "0");
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}

/** Set what happens on pointing: seek(seconds) and toggle(), which plays or pauses. */
export function onPoint(wanted) {
  handlers = wanted;
}

/**
 * Show lanes ({ name, segments, overview? or picture?, kind? }) over the seconds `start` to `end`.
 *
 * Of a lane of the kind "whole" only the picture is drawn; "turns" are not merged. `keepView` keeps the visible part.
 */
export function showTimeline(start, end, lanes, keepView = false) {
  shown = { start, end: Math.max(end, start + 0.01), lanes: lanes.map(prepare) };
  lanesBox.replaceChildren(...shown.lanes.map(({ block }) => block));
  head.hidden = pointer.hidden = values.hidden = true;
  if (!keepView) position = null;
  tracks.setAttribute("aria-valuemin", start);
  tracks.setAttribute("aria-valuemax", shown.end);
  if (!keepView) view = { from: start, to: shown.end };
  setView(view.from, view.to);
  describe(start);
}

/** Draw the segments of the last minute, as a microphone gives them. */
export function showLive(segments) {
  const end = Math.max(10, segments.at(-1).end);
  const start = Math.max(0, end - 60);
  showTimeline(start, end, [{ name: "", segments: segments.filter((segment) => segment.end > start) }]);
}

/** Redraw, for another language or other colours. */
export function redraw() {
  draw();
  if (shown) describe(position ?? shown.start);
}

export function moveHead(seconds, playing) {
  if (!shown) return;
  position = seconds;
  // a head that plays out of the view takes the view along
  if (playing && view.to - view.from < shown.end - shown.start && (seconds > view.to || seconds < view.from)) {
    setView(seconds, seconds + (view.to - view.from));
  }
  place(head, seconds);
  describe(seconds);
}

function prepare({ name, segments, kind, overview, picture = overview && unpack(overview) }) {
  const block = document.createElement("div");
  block.className = "lane";
  const canvases = {};
  if (name && kind !== "whole") {
    const caption = document.createElement("div");
    caption.className = "lane-name";
    caption.textContent = name;
    block.append(caption);
  }
  const drawings = [picture && "wave", picture?.mel && "mel", kind !== "whole" && "emotions"];
  for (const drawing of drawings.filter(Boolean)) {
    canvases[drawing] = document.createElement("canvas");
    canvases[drawing].className = drawing;
    block.append(canvases[drawing]);
  }
  const parts = kind === "turns" ? segments.flatMap((turn) => turn.timeline ?? [turn]) : segments;
  const runs = kind === "turns" ? segments : merged(segments);
  return { name, segments, parts, runs, kind, picture, canvases, block };
}

function setView(from, to) {
  const length = Math.min(shown.end - shown.start, Math.max(SHORTEST_S, to - from));
  const start = Math.min(Math.max(from, shown.start), shown.end - length);
  view = { from: start, to: start + length };
  const zoomed = length < shown.end - shown.start - 1e-6;
  pan.hidden = !zoomed;
  [pan.min, pan.max, pan.step] = [shown.start, shown.end - length, length / 50];
  pan.value = start;
  pan.setAttribute("aria-valuetext", t("time.view", { from: clock(view.from, 1), to: clock(view.to, 1) }));
  element("zoom-all").disabled = element("zoom-out").disabled = !zoomed;
  draw();
  if (position !== null) place(head, position);
}

/** Zoom by a factor about a second, which keeps its place on the screen. */
function zoom(factor, about) {
  if (!shown) return;
  const length = Math.max(SHORTEST_S, (view.to - view.from) * factor);
  const share = (about - view.from) / (view.to - view.from);
  setView(about - share * length, about + (1 - share) * length);
}

function draw() {
  if (!shown || !tracks.clientWidth) return;
  const { from, to } = view;
  for (const { picture, canvases, parts, runs } of shown.lanes) {
    if (canvases.wave) drawWave(canvases.wave, picture, from - shown.start, to - shown.start);
    if (canvases.mel) drawMel(canvases.mel, picture, from - shown.start, to - shown.start);
    if (canvases.emotions) drawEmotions(canvases.emotions, parts, runs, from, to);
  }
  drawAxis();
  drawLegend();
}

function drawAxis() {
  const length = view.to - view.from;
  const room = Math.max(2, Math.floor(tracks.clientWidth / TICK_PX));
  const step = STEPS.find((s) => length / s <= room) ?? 7200;
  const digits = step < 0.1 ? 2 : step < 1 ? 1 : 0;
  const ticks = [];
  // a tick too near to an end would be cut off or break
  const margin = (0.25 * TICK_PX * length) / tracks.clientWidth;
  for (let n = Math.ceil((view.from + margin) / step); n * step <= view.to - margin; n += 1) ticks.push(n * step);
  if (view.from === shown.start) ticks.unshift(view.from);
  axis.replaceChildren(...ticks.map((at, i) => {
    const tick = document.createElement("span");
    tick.textContent = clock(at, digits);
    tick.style.left = `${(100 * (at - view.from)) / length}%`;
    tick.classList.toggle("first", i === 0 && at === view.from);
    return tick;
  }));
}

function drawLegend() {
  const labels = new Set(shown.lanes.flatMap(({ segments }) => segments.map(({ label }) => label)));
  const scores = shown.lanes[0]?.segments[0]?.scores ?? {};
  const order = [...Object.keys(scores), "unknown", "no speech"].filter((label) => label in scores || labels.has(label));
  element("legend").replaceChildren(...order.map((label) => {
    const item = document.createElement("li");
    item.append(dot(label), labelName(label));
    return item;
  }));
}

function place(line, seconds) {
  const share = (seconds - view.from) / (view.to - view.from || 1);
  line.hidden = share < 0 || share > 1;
  line.style.left = `${100 * share}%`;
}

/** Return what each lane says of a second; of speakers, those who speak. */
function inWords(seconds) {
  return shown.lanes.filter(({ kind }) => kind !== "whole").flatMap(({ name, kind, segments }) => {
    const segment = segments[indexAt(segments, seconds)];
    if (!segment && kind === "turns") return [];
    return [`${name ? `${name}: ` : ""}${segment ? details(segment) : "–"}`];
  });
}

function describe(seconds) {
  tracks.setAttribute("aria-valuenow", seconds.toFixed(2));
  tracks.setAttribute("aria-valuetext", `${clock(seconds, 1)}: ${inWords(seconds).join("; ")}`);
}

/** Show what the lanes say of a second, where the pointer or the keyboard is. */
function showValues(seconds) {
  place(pointer, seconds);
  values.replaceChildren(...[clock(seconds, 2), ...inWords(seconds)].map((text) => {
    const line = document.createElement("div");
    line.textContent = text;
    return line;
  }));
  values.hidden = pointer.hidden;
  const room = tracks.clientWidth - values.offsetWidth;
  const x = ((seconds - view.from) / (view.to - view.from)) * tracks.clientWidth;
  values.style.left = `${Math.max(0, Math.min(room, x + 12))}px`;
}

/** Return the second that is shown at an x of the window. */
const secondAt = (x) => {
  const box = tracks.getBoundingClientRect();
  return view.from + ((x - box.left) / box.width) * (view.to - view.from);
};

// One pointer seeks or drags, two pinch. `touches` holds the x of each pointer that is down; `drag` is where it began.
const touches = new Map();
let drag = null; // { x, from, moved } of one pointer, or { distance, seconds, length } of two

function startGesture() {
  const xs = [...touches.values()];
  if (xs.length === 1) drag = { x: xs[0], from: view.from, moved: false };
  else if (xs.length === 2) drag = { distance: spread(xs), seconds: secondAt(centre(xs)), length: view.to - view.from, moved: true };
  else drag = null;
}

const centre = ([one, other]) => (one + other) / 2;
const spread = ([one, other]) => Math.max(10, Math.abs(one - other)); // px; nearer than that, a finger's width decides

/** Show what keeps the seconds that two fingers took hold of between them. */
function pinch() {
  const xs = [...touches.values()];
  const length = Math.max(SHORTEST_S, (drag.length * drag.distance) / spread(xs));
  const box = tracks.getBoundingClientRect();
  const from = drag.seconds - ((centre(xs) - box.left) / box.width) * length;
  setView(from, from + length);
}

tracks.addEventListener("pointerdown", (event) => {
  if (event.button !== 0 || touches.size === 2 || !shown) return;
  touches.set(event.pointerId, event.clientX);
  tracks.setPointerCapture(event.pointerId); // also when it leaves the timeline
  startGesture();
});
tracks.addEventListener("pointermove", (event) => {
  if (!shown) return;
  if (touches.has(event.pointerId)) touches.set(event.pointerId, event.clientX);
  if (drag?.distance) pinch();
  else if (drag && (drag.moved || Math.abs(event.clientX - drag.x) > 4)) {
    drag.moved = true;
    const seconds = ((event.clientX - drag.x) / tracks.clientWidth) * (view.to - view.from);
    setView(drag.from - seconds, drag.from - seconds + (view.to - view.from));
  }
  showValues(secondAt(event.clientX));
});
for (const type of ["pointerup", "pointercancel"]) {
  tracks.addEventListener(type, (event) => {
    if (!touches.delete(event.pointerId)) return;
    if (type === "pointerup" && drag && !drag.moved) handlers.seek(secondAt(event.clientX));
    const pinched = Boolean(drag?.distance);
    startGesture();
    if (pinched && drag) drag.moved = true; // the finger that stays does not seek
  });
}
tracks.addEventListener("pointerleave", () => { pointer.hidden = values.hidden = true; });
tracks.addEventListener("blur", () => { pointer.hidden = values.hidden = true; });
tracks.addEventListener("wheel", (event) => {
  if (!shown) return;
  if (event.ctrlKey || event.metaKey) zoom(2 ** (event.deltaY / 200), secondAt(event.clientX));
  else if (Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
    const seconds = (event.deltaX / tracks.clientWidth) * (view.to - view.from);
    setView(view.from + seconds, view.to + seconds);
  } else return;
  event.preventDefault();
}, { passive: false });
tracks.addEventListener("keydown", (event) => {
  if (!shown || event.ctrlKey || event.metaKey || event.altKey) return;
  const at = position ?? shown.start;
  const step = (view.to - view.from) / (event.shiftKey ? 10 : 50);
  const moves = {
    ArrowLeft: at - step, ArrowDown: at - step, ArrowRight: at + step, ArrowUp: at + step,
    PageDown: at - 10 * step, PageUp: at + 10 * step, Home: shown.start, End: shown.end,
  };
  if (event.key in moves) {
    const seconds = Math.min(shown.end, Math.max(shown.start, moves[event.key]));
    if (seconds < view.from || seconds > view.to) setView(seconds - (view.to - view.from) / 2, seconds + (view.to - view.from) / 2);
    position = seconds; // the next key may come before the player has got there
    handlers.seek(seconds);
    showValues(seconds);
  } else if (event.key === "+" || event.key === "-") zoom(event.key === "+" ? 0.5 : 2, middle());
  else if (event.key === "0") setView(shown.start, shown.end);
  else if (event.key === " " || event.key === "Enter") handlers.toggle();
  else return;
  event.preventDefault();
});
const middle = () => (position !== null && position >= view.from && position <= view.to ? position : (view.from + view.to) / 2);
element("zoom-in").addEventListener("click", () => zoom(0.5, middle()));
element("zoom-out").addEventListener("click", () => zoom(2, middle()));
element("zoom-all").addEventListener("click", () => shown && setView(shown.start, shown.end));
pan.addEventListener("input", () => setView(+pan.value, +pan.value + (view.to - view.from)));
new ResizeObserver(draw).observe(tracks);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
