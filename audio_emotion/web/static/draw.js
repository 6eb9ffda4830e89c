// Pictures on canvases: waveform, mel-spectrogram, emotions. Each shows the seconds `from` to `to` of a recording.
import { hasColour, palette, variable } from "./colours.js";
import { labelName } from "./i18n.js";

/** Match a canvas to the pixels of the screen. */
function fit(canvas) {
  const ratio = window.devicePixelRatio || 1;
  canvas.width = Math.max(1, Math.round(canvas.clientWidth * ratio));
  canvas.height = Math.max(1, Math.round(canvas.clientHeight * ratio));
  return { context: canvas.getContext("2d"), width: canvas.width, height: canvas.height, ratio };
}

const bytes = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));

/** Unpack the picture of a sound as the server sends it: base64 of bytes, column after column. */
export function unpack(overview) {
  return {
    wave: new Int8Array(bytes(overview.wave).buffer), // lowest, highest, lowest, highest, ...
    step_s: overview.step_s,
    mel: spectrogram(bytes(overview.mel), overview.mel_n ?? overview.n, overview.bands),
    melStep_s: overview.mel_step_s ?? overview.step_s,
  };
}

// From night blue over violet and rose to cream, evenly in lightness.
const STOPS = [[12, 16, 34], [46, 38, 92], [110, 56, 124], [184, 82, 118], [236, 134, 98], [252, 200, 132], [255, 246, 214]];
const SHADES = Array.from({ length: 256 }, (_, level) => {
  const place = (level / 255) * (STOPS.length - 1);
  const [low, high] = [STOPS[Math.floor(place)], STOPS[Math.ceil(place)]];
  return [...low.map((value, i) => value + (high[i] - value) * (place % 1)), 255];
});

function spectrogram(levels, n, bands) {
  const image = new ImageData(Math.max(1, n), bands);
  for (let column = 0; column < n; column += 1) {
    for (let band = 0; band < bands; band += 1) {
      image.data.set(SHADES[levels[column * bands + band]], 4 * ((bands - 1 - band) * n + column));
    }
  }
  const canvas = new OffscreenCanvas(image.width, bands);
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}

/** Draw lowest and highest sample of each pixel's columns; `from` and `to` count from the picture's beginning. */
export function drawWave(canvas, { wave, step_s: step }, from, to) {
  const { context, width, height } = fit(canvas);
  const last = wave.length / 2 - 1;
  context.fillStyle = variable("--wave");
  for (let x = 0; x < width; x += 1) {
    // pixel x shows the columns first ... end - 1, at least one
    const first = Math.floor((from + (x / width) * (to - from)) / step);
    const end = Math.max(first + 1, Math.ceil((from + ((x + 1) / width) * (to - from)) / step));
    let [low, high] = [0, 0];
    for (let column = Math.max(0, first); column < end && column <= last; column += 1) {
      low = Math.min(low, wave[2 * column]);
      high = Math.max(high, wave[2 * column + 1]);
    }
    const top = height * (0.5 - (0.47 * high) / 127);
    context.fillRect(x, top, 1, Math.max(1, height * (0.47 * (high - low)) / 127));
  }
}

export function drawMel(canvas, { mel, melStep_s: step }, from, to) {
  const { context, width, height } = fit(canvas);
  context.imageSmoothingEnabled = true;
  context.drawImage(mel, from / step, 0, (to - from) / step, mel.height, 0, 0, width, height);
}

/** Draw a ribbon of labels, and below it the probabilities of all emotions, stacked. */
export function drawEmotions(canvas, segments, runs, from, to) {
  const { context, width, height, ratio } = fit(canvas);
  const colours = palette();
  const at = (seconds) => ((seconds - from) / (to - from || 1)) * width;
  const seen = ({ start, end }) => end > from && start < to;
  const ribbon = Math.round(height * 0.45);
  context.fillStyle = variable("--track");
  context.fillRect(0, 0, width, height);
  let painted = -1;
  for (const segment of segments.filter(seen)) {
    if (Math.round(at(segment.end)) <= painted) continue; // narrower than a pixel
    painted = Math.round(at(segment.end));
    stack(context, segment, colours, at, ribbon + 2 * ratio, height);
  }
  for (const run of runs.filter(seen)) {
    context.fillStyle = colours(run.label);
    context.fillRect(at(run.start), 0, Math.max(1, at(run.end) - at(run.start) - ratio), ribbon);
  }
  context.font = `600 ${Math.round(13 * ratio)}px system-ui, sans-serif`;
  context.textBaseline = "middle";
  for (const run of runs.filter(seen)) writeName(context, run, at, ribbon, width, ratio);
}

function stack(context, segment, colours, at, top, bottom) {
  if (segment.label === "no speech") return;
  const left = at(segment.start);
  let y = bottom;
  for (const [label, score] of Object.entries(segment.scores)) {
    const h = score * (bottom - top);
    context.fillStyle = colours(label);
    context.fillRect(left, y - h, Math.max(1, at(segment.end) - left + 0.5), h);
    y -= h;
  }
}

function writeName(context, run, at, height, width, ratio) {
  const [left, right] = [Math.max(0, at(run.start)), Math.min(width, at(run.end))];
  const name = labelName(run.label);
  if (context.measureText(name).width > right - left - 14 * ratio) return;
  context.fillStyle = hasColour(run.label) ? "#0d1418" : variable("--soft");
  context.fillText(name, left + 8 * ratio, height / 2);
}
