// Waveform, mel-spectrogram and emotions over one time, with the position of playback.
import { colour, variable } from "./colours.js";

const tracks = document.getElementById("tracks");
const head = document.getElementById("head");
const axis = document.getElementById("axis");
const canvases = Object.fromEntries(["wave", "mel", "emotions"].map((id) => [id, document.getElementById(id)]));

let shown = null; // { wave, mel, n, bands, span, start, end, segments }

export function clock(seconds) {
  const whole = Math.floor(seconds);
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  const rest = String(whole % 60).padStart(2, "0");
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}

export function showTimeline(answer, segments, overview) {
  shown = {
    segments, start: answer.start, end: answer.end, n: overview.n, bands: overview.bands,
    span: overview.n * overview.step_s, wave: new Int8Array(bytes(overview.wave).buffer), mel: bytes(overview.mel),
  };
  head.hidden = true;
  draw();
}

export function moveHead(seconds) {
  if (!shown) return;
  head.hidden = false;
  head.style.left = `${100 * Math.min(1, Math.max(0, (seconds - shown.start) / (shown.end - shown.start || 1)))}%`;
}

/** Call back with the second of the recording that was pointed at. */
export function onPoint(callback) {
  tracks.addEventListener("click", (event) => {
    const box = tracks.getBoundingClientRect();
    if (shown) callback(shown.start + ((event.clientX - box.left) / box.width) * (shown.end - shown.start));
  });
}

/** Draw segments of the last minute, as a microphone gives them. */
export function drawStrip(segments, start, end) {
  const { context, width, height } = prepared(canvases.emotions);
  drawSegments(context, width, height, segments, start, end);
}

function bytes(text) {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}

function prepared(canvas) {
  const scale = window.devicePixelRatio || 1;
  canvas.width = Math.max(1, Math.round(canvas.clientWidth * scale));
  canvas.height = Math.max(1, Math.round(canvas.clientHeight * scale));
  return { context: canvas.getContext("2d"), width: canvas.width, height: canvas.height, scale };
}

function draw() {
  if (!shown || !tracks.clientWidth) return;
  drawWave();
  drawMel();
  const { context, width, height } = prepared(canvases.emotions);
  drawSegments(context, width, height, shown.segments, shown.start, shown.end);
  drawAxis();
}

function drawWave() {
  const { context, width, height } = prepared(canvases.wave);
  const columns = shown.n * (shown.end - shown.start) / shown.span;
  context.fillStyle = variable("--wave");
  for (let x = 0; x < width; x += 1) {
    const first = Math.floor((x / width) * columns);
    const last = Math.min(shown.n - 1, Math.max(first, Math.ceil(((x + 1) / width) * columns) - 1));
    let [low, high] = [0, 0];
    for (let column = first; column <= last; column += 1) {
      low = Math.min(low, shown.wave[2 * column]);
      high = Math.max(high, shown.wave[2 * column + 1]);
    }
    const top = height * (0.5 - (0.47 * high) / 127);
    context.fillRect(x, top, 1, Math.max(1, height * (0.47 * (high - low)) / 127));
  }
}

function drawMel() {
  const { context, width, height } = prepared(canvases.mel);
  const image = new ImageData(shown.n, shown.bands);
  for (let column = 0; column < shown.n; column += 1) {
    for (let band = 0; band < shown.bands; band += 1) {
      const at = 4 * ((shown.bands - 1 - band) * shown.n + column);
      image.data.set(SHADES[shown.mel[column * shown.bands + band]], at);
    }
  }
  const small = new OffscreenCanvas(shown.n, shown.bands);
  small.getContext("2d").putImageData(image, 0, 0);
  context.imageSmoothingEnabled = true;
  context.drawImage(small, 0, 0, shown.n * (shown.end - shown.start) / shown.span, shown.bands, 0, 0, width, height);
}

// From night blue over violet and rose to cream, evenly in lightness.
const STOPS = [[12, 16, 34], [46, 38, 92], [110, 56, 124], [184, 82, 118], [236, 134, 98], [252, 200, 132], [255, 246, 214]];
const SHADES = Array.from({ length: 256 }, (_, level) => {
  const place = (level / 255) * (STOPS.length - 1);
  const [low, high] = [STOPS[Math.floor(place)], STOPS[Math.ceil(place)]];
  return [...low.map((value, i) => value + (high[i] - value) * (place % 1)), 255];
});

function drawSegments(context, width, height, segments, start, end) {
  const scale = width / (end - start || 1);
  context.clearRect(0, 0, width, height);
  context.fillStyle = variable("--track");
  context.fillRect(0, 0, width, height);
  const ratio = window.devicePixelRatio || 1;
  context.font = `600 ${Math.round(13 * ratio)}px system-ui, sans-serif`;
  context.textBaseline = "middle";
  for (const segment of segments) {
    const [x, w] = [(segment.start - start) * scale, (segment.end - segment.start) * scale];
    context.globalAlpha = 0.6 + 0.4 * segment.score;
    context.fillStyle = colour(segment.label);
    context.fillRect(x, 0, Math.max(1, w - ratio), height);
    context.globalAlpha = 1;
  }
  for (const run of runs(segments)) nameRun(context, run, start, scale, height, ratio);
}

function runs(segments) {
  const found = [];
  for (const segment of segments) {
    const last = found.at(-1);
    if (last && last.label === segment.label && Math.abs(last.end - segment.start) < 0.01) last.end = segment.end;
    else found.push({ label: segment.label, start: segment.start, end: segment.end });
  }
  return found;
}

function nameRun(context, run, start, scale, height, ratio) {
  const room = (run.end - run.start) * scale - 14 * ratio;
  const x = Math.max(0, (run.start - start) * scale) + 8 * ratio;
  if (context.measureText(run.label).width > room) return;
  context.fillStyle = colour(run.label) === "transparent" ? variable("--soft") : "#0d1418";
  context.fillText(run.label, x, height / 2);
}

function drawAxis() {
  const length = shown.end - shown.start;
  const wanted = Math.max(2, Math.floor(tracks.clientWidth / 90));
  const step = [0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600].find((s) => length / s <= wanted) ?? 7200;
  const ticks = [];
  for (let at = 0; at <= length + 1e-6; at += step) ticks.push(at);
  axis.replaceChildren(...ticks.map((at) => {
    const tick = document.createElement("span");
    tick.textContent = step < 1 ? `${(shown.start + at).toFixed(1)} s` : clock(shown.start + at);
    tick.style.left = `${(100 * at) / (length || 1)}%`;
    tick.classList.toggle("last", at > 0 && at / length > 0.97);
    return tick;
  }));
}

new ResizeObserver(draw).observe(tracks);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
