// The exported page: opens or records a sound, runs the model in this browser, and shows its predictions.
import { showAnswer, summary } from "./bars.js";
import { useLabels } from "./colours.js";
import { documents } from "./documents.js";
import { showDownloads } from "./downloads.js";
import { LANGUAGES, language, preferredLanguage, t, useLanguage } from "./i18n.js";
import { indexAt, merged } from "./merge.js";
import { createPlayer } from "./player.js";
import { markRows, showRows } from "./segments.js";
import { decoded, waveform, windows } from "./sound.js";
import { clock, moveHead, onPoint, redraw, showTimeline } from "./timeline.js";

const element = (id) => document.getElementById(id);
const [input, file, microphone, audio] = ["input", "file", "microphone", "player"].map(element);

let model = null; // { about, predict(samples) → logits, or null for a window without speech }
let shown = null; // { name, answer, segments }
let rows = [];
let recorder = null;

const player = createPlayer(audio, follow);

function say(text, problem = false) {
  element("status").textContent = text;
  element("status").classList.toggle("problem", problem);
}

// --- model ------------------------------------------------------------------------------------------------------------

async function fetched(name) {
  const response = await fetch(name).catch((error) => { throw new Error(`${name}: ${error.message}`); });
  if (!response.ok) throw new Error(`${name}: ${response.status} ${response.statusText}`);
  return response;
}

async function loadModel() {
  const about = await (await fetched("model.json")).json();
  const graph = new Uint8Array(await (await fetched("model.onnx")).arrayBuffer());
  const ort = await import("./ort.wasm.min.mjs").catch((error) => { throw new Error(`ONNX Runtime Web: ${error.message}`); });
  [ort.env.wasm.numThreads, ort.env.wasm.proxy] = [1, false]; // plain file hosts allow no shared memory
  ort.env.wasm.wasmPaths = new URL(".", import.meta.url).href;
  const session = await ort.InferenceSession.create(graph, { executionProviders: ["wasm"] });
  return {
    about,
    async predict(samples) {
      const tensor = new ort.Tensor("float32", samples, [1, samples.length]);
      const { logits, speech } = await session.run({ [session.inputNames[0]]: tensor });
      const threshold = about.speech_threshold; // the least probability of speech; null: the network does not decide it
      if (speech && threshold !== null && 1 / (1 + Math.exp(-speech.data[0])) < threshold) return null;
      return logits.data;
    },
  };
}

function softmax(logits) {
  const { labels, temperature } = model.about;
  const scaled = Array.from(logits, (value) => value / temperature);
  const odds = scaled.map((value) => Math.exp(value - Math.max(...scaled)));
  const total = odds.reduce((sum, value) => sum + value, 0);
  const scores = Object.fromEntries(labels.map((label, i) => [label, odds[i] / total]));
  const label = labels.reduce((best, other) => (scores[other] > scores[best] ? other : best));
  return { label, score: scores[label], scores };
}

const silence = () => ({
  label: "no speech", score: 0, scores: Object.fromEntries(model.about.labels.map((label) => [label, 0])),
});

/** Return the prediction for the whole and for each window; a window's segment ends where the next one is nearer. */
async function predict(samples) {
  const { sampling_rate: rate, window_samples: length, labels } = model.about;
  const parts = windows(samples, length);
  const total = new Float64Array(labels.length);
  let count = 0;
  const segments = [];
  for (const [i, part] of parts.entries()) {
    const logits = part.silent ? null : await model.predict(part.content);
    if (logits) {
      count += 1;
      logits.forEach((value, each) => { total[each] += value; });
    }
    // windows overlap by half: the border between two lies in the middle of their overlap
    const start = i ? (part.start + parts[i - 1].end) / 2 : 0;
    const end = i + 1 < parts.length ? (parts[i + 1].start + part.end) / 2 : samples.length;
    segments.push({ start: start / rate, end: end / rate, ...(logits ? softmax(logits) : silence()) });
    say(t("export.progress", { number: i + 1, count: parts.length }));
  }
  const answer = count ? softmax(total.map((value) => value / count)) : silence();
  return { answer: { start: 0, end: samples.length / rate, ...answer }, segments };
}

// --- what is shown ----------------------------------------------------------------------------------------------------

function show() {
  const { name, answer, segments, picture } = shown;
  for (const id of ["result", "time", "segments"]) element(id).hidden = false;
  showTimeline(answer.start, answer.end, [{ name: "", segments, picture }]);
  showTable();
  showDownloads(name, documents({ file: name, model: model.about.name, answer, segments }));
  showWhole();
}

/** Say what the model takes for speech. */
function showNotSpeech() {
  const decides = model && model.about.speech_threshold !== null;
  element("not-speech").textContent = model ? t(decides ? "export.speechByModel" : "export.speechByLevel") : "";
}

function showWhole() {
  const { name, answer } = shown;
  showAnswer(answer, `${name} · ${clock(Math.round(answer.end))}`);
}

function showTable() {
  rows = element("merge").checked ? merged(shown.segments) : shown.segments;
  showRows(rows, (start, end) => player.play(start, end));
}

function follow(seconds, playing) {
  if (!shown) return;
  moveHead(seconds, playing);
  markRows([indexAt(rows, seconds)]);
  const now = !playing && seconds === 0 ? null : shown.segments[indexAt(shown.segments, seconds)];
  if (now) showAnswer(now, t("result.at", { time: clock(seconds), answer: summary(shown.answer) }));
  else showWhole();
}

async function open(blob, name) {
  say(t("export.reading"));
  player.unload();
  try {
    const samples = await decoded(await blob.arrayBuffer(), model.about.sampling_rate);
    shown = { name, picture: waveform(samples, model.about.sampling_rate), ...(await predict(samples)) };
    show();
    [audio.hidden, element("mute").hidden] = [false, true];
    player.load(blob);
    say("");
  } catch (error) {
    say(t("export.unreadable", { name, reason: error.message }), true);
  }
}

/** Record until the button is pressed again. */
async function record() {
  const media = await navigator.mediaDevices.getUserMedia({
    audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false },
  });
  const blocks = [];
  recorder = new MediaRecorder(media, { audioBitsPerSecond: 128_000 });
  recorder.ondataavailable = ({ data }) => blocks.push(data);
  recorder.onstop = () => {
    media.getTracks().forEach((track) => track.stop());
    microphone.setAttribute("aria-pressed", "false");
    microphone.textContent = t("microphone.start");
    open(new Blob(blocks, { type: recorder.mimeType }), t("export.recording"));
  };
  recorder.start();
  microphone.setAttribute("aria-pressed", "true");
  microphone.textContent = t("microphone.stop");
  say(t("export.listening"));
}

element("choose").addEventListener("click", () => file.click());
file.addEventListener("change", () => {
  if (file.files.length) open(file.files[0], file.files[0].name);
  file.value = "";
});
microphone.addEventListener("click", async () => {
  if (recorder?.state === "recording") return recorder.stop();
  return record().catch((error) => say(t("microphone.failed", { reason: error.message }), true));
});
input.addEventListener("dragover", (event) => {
  event.preventDefault();
  input.classList.add("over");
});
input.addEventListener("dragleave", () => input.classList.remove("over"));
input.addEventListener("drop", (event) => {
  event.preventDefault();
  input.classList.remove("over");
  const [dropped] = event.dataTransfer.files;
  if (dropped && model) open(dropped, dropped.name);
});
element("merge").addEventListener("change", showTable);
audio.addEventListener("error", () => {
  if (!audio.getAttribute("src")) return;
  audio.hidden = true;
  Object.assign(element("mute"), { hidden: false, textContent: t("player.mute") });
});
onPoint({ seek: (seconds) => player.seek(seconds), toggle: () => player.toggle() });

element("language").append(...Object.entries(LANGUAGES).map(([code, name]) => new Option(name, code)));
element("language").addEventListener("change", async ({ target }) => {
  await useLanguage(target.value);
  showNotSpeech();
  if (shown) show();
  redraw();
});
await useLanguage(preferredLanguage());
element("language").value = language;
say(t("export.loading"));
try {
  model = await loadModel();
  useLabels(model.about.labels);
  element("model").textContent = model.about.name;
  element("licence").textContent = `${model.about.name}, ${model.about.licence}`;
  showNotSpeech();
  [element("choose").disabled, microphone.disabled] = [false, !navigator.mediaDevices];
  say("");
} catch (error) {
  say(t("export.failed", { reason: error.message }), true);
}
