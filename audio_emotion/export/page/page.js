// The page: opens or records a sound, asks the model in this browser, and shows what it says.
import { said, showBars, percent } from "./bars.js";
import { colour, useLabels } from "./colours.js";
import * as ort from "./ort.wasm.min.mjs";
import { decoded, windows } from "./sound.js";

const $ = (id) => document.getElementById(id);
const about = await (await fetch("model.json")).json();
const session = await opened();

async function opened() {
  [ort.env.wasm.numThreads, ort.env.wasm.proxy] = [1, false]; // plain file hosts allow no shared memory
  ort.env.wasm.wasmPaths = new URL(".", import.meta.url).href;
  const graph = new Uint8Array(await (await fetch("model.onnx")).arrayBuffer());
  return ort.InferenceSession.create(graph, { executionProviders: ["wasm"] });
}

/** Logits of one window. */
async function heard(content) {
  const samples = new ort.Tensor("float32", content, [1, content.length]);
  return (await session.run({ [session.inputNames[0]]: samples })).logits.data;
}

function answer(logits) {
  const scaled = Array.from(logits, (value) => value / about.temperature);
  const odds = scaled.map((value) => Math.exp(value - Math.max(...scaled)));
  const total = odds.reduce((sum, value) => sum + value, 0);
  const scores = Object.fromEntries(about.labels.map((label, i) => [label, odds[i] / total]));
  const label = about.labels.reduce((best, one) => (scores[one] > scores[best] ? one : best));
  return { label, score: scores[label], scores };
}

const silence = () => ({ label: "no speech", score: 0, scores: Object.fromEntries(about.labels.map((label) => [label, 0])) });

async function answered(samples) {
  const parts = windows(samples, about.window_samples);
  const total = new Float64Array(about.labels.length);
  let count = 0;
  for (const part of parts) {
    const logits = part.silent ? null : await heard(part.content);
    if (logits) {
      count += 1;
      logits.forEach((value, i) => { total[i] += value; });
    }
    part.answer = logits ? answer(logits) : silence();
    $("status").textContent = `Listening … window ${parts.indexOf(part) + 1} of ${parts.length}`;
  }
  return { whole: count ? answer(total.map((value) => value / count)) : silence(), parts };
}

function show(name, seconds, { whole, parts }) {
  $("answer").textContent = said(whole);
  $("about").textContent = `${name}, ${seconds.toFixed(1)} s`;
  showBars(whole);
  $("windows").replaceChildren(...parts.map((part) => {
    const row = document.createElement("tr");
    const time = (samples) => `${(samples / about.sampling_rate).toFixed(1)} s`;
    const cells = [time(part.start), time(part.end), part.answer.label, percent(part.answer.score)];
    row.append(...cells.map((text) => Object.assign(document.createElement("td"), { textContent: text })));
    row.title = about.labels.map((label) => `${label} ${percent(part.answer.scores[label])}`).join(", ");
    row.cells[2].style.borderLeft = `.4rem solid ${colour(part.answer.label)}`;
    return row;
  }));
  [$("result").hidden, $("along").hidden] = [false, false];
}

async function hear(name, read) {
  $("status").classList.remove("problem");
  $("status").textContent = "Reading …";
  try {
    const samples = await decoded(await read(), about.sampling_rate);
    show(name, samples.length / about.sampling_rate, await answered(samples));
    $("status").textContent = "";
  } catch (error) {
    $("status").classList.add("problem");
    $("status").textContent = `${name} cannot be read by this browser (${error.message}).`;
  }
}

const open = (file) => file && hear(file.name, () => file.arrayBuffer());

/** Record until the button is pressed again. */
async function record() {
  const media = await navigator.mediaDevices.getUserMedia({
    audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false },
  });
  const [recorder, kept] = [new MediaRecorder(media, { audioBitsPerSecond: 128000 }), []];
  recorder.ondataavailable = ({ data }) => kept.push(data);
  recorder.onstop = () => {
    media.getTracks().forEach((track) => track.stop());
    $("microphone").setAttribute("aria-pressed", "false");
    $("microphone").textContent = "Use the microphone";
    hear("The recording", () => new Blob(kept, { type: recorder.mimeType }).arrayBuffer());
  };
  recorder.start();
  $("microphone").setAttribute("aria-pressed", "true");
  $("microphone").textContent = "Stop";
  return recorder;
}

let recorder = null;
useLabels(about.labels);
$("model").textContent = about.name;
$("licence").textContent = `${about.name}, ${about.licence}`;
$("choose").onclick = () => $("file").click();
$("file").onchange = () => open($("file").files[0]);
$("microphone").onclick = async () => {
  if (recorder?.state === "recording") return recorder.stop();
  try {
    recorder = await record();
    $("status").textContent = "Recording …";
  } catch (error) {
    $("status").textContent = `No microphone: ${error.message}`;
  }
};
$("input").ondragover = (event) => { event.preventDefault(); $("input").classList.add("over"); };
$("input").ondragleave = () => $("input").classList.remove("over");
$("input").ondrop = (event) => {
  event.preventDefault();
  $("input").classList.remove("over");
  open(event.dataTransfer.files[0]);
};
$("status").textContent = "";
[$("choose").disabled, $("microphone").disabled] = [false, !navigator.mediaDevices];
