// What happens on the page: a file or the microphone in, an answer out.
import { said, showBars } from "./bars.js";
import { useLabels } from "./colours.js";
import { listen } from "./microphone.js";
import { showRows, markRow } from "./segments.js";
import { clock, drawStrip, moveHead, onPoint, showTimeline } from "./timeline.js";

const LONGEST_BYTES = 90e6; // of sound kept from the microphone: 15 minutes at 48 kHz
const element = (id) => document.getElementById(id);
const [input, file, microphone, player, model] = ["input", "file", "microphone", "player", "model"].map(element);

let models = [];
let answer = null; // { answer, segments, ... } of what is shown
let stop = null; // ends the microphone

function tell(text, problem = false) {
  element("status").textContent = text;
  element("status").classList.toggle("problem", problem);
}

function show(...ids) {
  for (const id of ["result", "time", "segments"]) element(id).hidden = !ids.includes(id);
}

async function fetchModels() {
  models = (await (await fetch("/v1/models")).json()).models;
  model.replaceChildren(...models.map((m) => new Option(m.name, m.name)));
}

function chosenModel() {
  const chosen = models.find((m) => m.name === model.value);
  if (chosen) useLabels(chosen.labels);
  return model.value;
}

async function hear(recording, name) {
  tell(`Listening to ${name} …`);
  input.setAttribute("aria-busy", "true");
  try {
    const body = new FormData();
    body.append("file", recording, name);
    const query = new URLSearchParams({ model: chosenModel(), hop: hop(recording) });
    const response = await fetch(`/page/hear?${query}`, { method: "POST", body });
    const told = await response.json();
    if (!response.ok) throw new Error(told.detail ?? response.statusText);
    showAnswer(told, recording, name);
  } catch (error) {
    tell(error instanceof TypeError ? "The server cannot be reached." : error.message, true);
  } finally {
    input.removeAttribute("aria-busy");
  }
}

const hop = (recording) => (recording.size > 2e7 ? 1 : 0.5);

function showAnswer(told, recording, name) {
  answer = told;
  const { start, end } = told.answer;
  show("result", "time", "segments");
  told.about = `${name} · ${clock(Math.round(end - start))} · ${told.answer.model} on ${told.answer.device}`;
  showSaid(told.answer, told.about);
  showTimeline(told.answer, told.segments, told.overview);
  element("emotions").setAttribute("aria-label", `Emotions over time, ${told.segments.length} segments; the table below lists them`);
  showRows(told.segments, play);
  for (const kind of ["json", "csv", "srt"]) offer(kind, told.documents[kind], name);
  for (const id of ["wave", "mel"]) element(id).hidden = false;
  load(recording);
  tell(`${name}: ${said(told.answer)}.`);
}

function showSaid(what, about) {
  element("answer").textContent = said(what);
  element("about").textContent = about;
  showBars(what);
}

function offer(kind, text, name) {
  const link = element(kind);
  URL.revokeObjectURL(link.href);
  link.href = URL.createObjectURL(new Blob([text], { type: kind === "json" ? "application/json" : "text/plain" }));
  link.download = `${name.replace(/\.\w+$/, "")}.${kind}`;
}

function load(recording) {
  URL.revokeObjectURL(player.src);
  player.src = URL.createObjectURL(recording);
  player.hidden = false;
  element("mute").hidden = true;
}

function play(seconds) {
  player.currentTime = seconds;
  player.play().catch(() => {});
}

function follow() {
  if (!answer || stop) return;
  const at = player.currentTime;
  moveHead(at);
  const number = answer.segments.findIndex((s) => s.start <= at && at < s.end);
  markRow(number);
  const now = player.paused && at === 0 ? null : answer.segments[number];
  if (now) showSaid(now, `at ${clock(at)} · as a whole: ${said(answer.answer)}`);
  else showSaid(answer.answer, answer.about);
  if (!player.paused) requestAnimationFrame(follow);
}

async function startMicrophone() {
  const segments = [];
  player.pause();
  stop = () => {};
  microphone.disabled = true; // until the browser has asked
  try {
    stop = await listen(chosenModel(), LONGEST_BYTES, {
      level: (level) => {
        const share = Math.max(0, Math.min(1, 1 + (20 * Math.log10(level + 1e-6)) / 60));
        element("level").firstElementChild.style.transform = `scaleX(${share})`;
      },
      segment: (segment) => {
        segments.push(segment);
        showLive(segments);
      },
      problem: (text) => tell(text, true),
      full: endMicrophone,
    });
  } catch (error) {
    stop = null;
    tell(`The microphone cannot be used: ${error.message}.`, true);
    return;
  } finally {
    microphone.disabled = false;
  }
  microphone.setAttribute("aria-pressed", "true");
  microphone.textContent = "Stop";
  element("level").hidden = false;
  tell("Listening. The first answer takes about three seconds.");
}

function showLive(segments) {
  const last = segments.at(-1);
  show("result", "time");
  for (const id of ["wave", "mel"]) element(id).hidden = true;
  player.hidden = true;
  element("head").hidden = true;
  element("axis").replaceChildren();
  if (element("answer").textContent.split(",")[0] !== last.label) tell(`Now: ${last.label}`);
  showSaid(last, `live · ${clock(last.end)}`);
  drawStrip(segments.filter((s) => s.end > last.end - 60), Math.max(0, last.end - 60), Math.max(last.end, 10));
}

async function endMicrophone() {
  const end = stop;
  microphone.setAttribute("aria-pressed", "false");
  microphone.textContent = "Use the microphone";
  element("level").hidden = true;
  const recording = await end();
  stop = null;
  await hear(recording, "microphone.wav");
}

element("choose").addEventListener("click", () => file.click());
file.addEventListener("change", () => {
  if (file.files.length) hear(file.files[0], file.files[0].name);
  file.value = "";
});
microphone.addEventListener("click", () => (stop ? endMicrophone() : startMicrophone()));
document.addEventListener("dragover", (event) => {
  event.preventDefault();
  input.classList.add("over");
});
document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) input.classList.remove("over");
});
document.addEventListener("drop", (event) => {
  event.preventDefault();
  input.classList.remove("over");
  const [dropped] = event.dataTransfer.files;
  if (dropped && !stop) hear(dropped, dropped.name);
});
onPoint(play);
player.addEventListener("play", follow);
player.addEventListener("timeupdate", follow);
player.addEventListener("seeked", follow);
player.addEventListener("error", () => {
  if (!player.src) return;
  player.hidden = true;
  element("mute").hidden = false;
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => answer && showAnswerColours());

function showAnswerColours() {
  showBars(answer.answer);
  showRows(answer.segments, play);
}

fetchModels().catch(() => tell("The server cannot be reached.", true));
