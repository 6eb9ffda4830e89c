// The page's own logic: files, samples or the microphone in; predictions, timeline and downloads out.
import { groupOf } from "./adaptation.js";
import { address, convert, fetchJson } from "./api.js";
import { showAnswer, summary } from "./bars.js";
import { useLabels } from "./colours.js";
import { conversationLanes } from "./conversation.js";
import { showDownloads } from "./downloads.js";
import { labelName, LANGUAGES, preferredLanguage, t, useLanguage, language } from "./i18n.js";
import { indexAt, merged } from "./merge.js";
import { record } from "./microphone.js";
import { createPlayer } from "./player.js";
import { Queue } from "./queue.js";
import { removeItem, showItem } from "./recordings.js";
import { markRows, showRows } from "./segments.js";
import { onSettings, settingsQuery, useModel } from "./settings.js";
import { clock, moveHead, onPoint, redraw, showLive, showTimeline } from "./timeline.js";
import { paired } from "./transcripts.js";

const LONGEST_BYTES = 90e6; // of a microphone recording: 15 minutes at 48 kHz
const MIN_WINDOWS = 5; // with speech, that a group needs to adapt to
const CLICK_GAP_MS = 600; // a second click on Stop within this belongs to a double click
const element = (id) => document.getElementById(id);
const [input, file, microphone, audio, model] = ["input", "file", "microphone", "player", "model"].map(element);

let models = [];
let limits = null; // { upload_bytes, duration_s }
let selected = null; // the item that is shown
let lanes = []; // of the item: { name, answer, segments, overview, kind }
let group = null; // the recordings that the model is adapted to: { total, n_windows, n_recordings }
let adapting = ""; // how far that is
let lane = 0; // whose bars are shown
let rows = []; // of the table
let recording = null; // { stop } while the microphone is on
let microphoneState = "off"; // off, starting, on, stopping
let stoppedAt = -Infinity;

const player = createPlayer(audio, follow);
const queue = new Queue(itemChanged);
const actions = {
  select: (item) => select(item),
  cancel: (item) => queue.cancel(item),
  retry: (item) => queue.again(item, { query: currentQuery(), adaptation: group }),
  remove(item) {
    queue.remove(item);
    removeItem(item);
    if (item === selected) select(queue.items.at(-1) ?? null);
    element("recordings").hidden = !queue.items.length;
    if (!queue.items.length) useGroup(null);
    element(queue.items.length ? "recordings-title" : "choose").focus();
  },
};

function say(text, problem = false) {
  element("status").textContent = text;
  element("status").classList.toggle("problem", problem);
}

function show(...ids) {
  for (const id of ["result", "time", "segments"]) element(id).hidden = !ids.includes(id);
  element("empty").hidden = ids.length > 0 || queue.items.length > 0;
}

function currentQuery() {
  return { model: model.value, ...settingsQuery() };
}

// --- recordings -------------------------------------------------------------------------------------------------------

function add(blob, name, { recorded = false, transcript = null } = {}) {
  const tooLarge = limits && blob.size > limits.upload_bytes;
  const error = tooLarge ? t("input.tooLarge", { size: Math.round(limits.upload_bytes / 2 ** 20) }) : "";
  return queue.add({ name, blob, query: currentQuery(), transcript, adaptation: group, recorded, error });
}

/** Queue files and show the first of them, unless the microphone is on: then its predictions stay on the screen. */
function open(files) {
  const { pairs, alone } = paired([...files]);
  if (alone.length && selected && !pairs.length) return useTranscript(alone[0]);
  const items = pairs.map(({ file: each, transcript }) => add(each, each.name, { transcript }));
  if (alone.length) say(t("transcript.alone", { name: alone[0].name }), true);
  if (items.length && microphoneState === "off") select(items[0]);
}

function itemChanged(item) {
  element("recordings").hidden = false;
  element("empty").hidden = true;
  showGroup();
  showItem(item, selected, actions);
  if (item === selected && microphoneState === "off") showSelected();
}

function select(item) {
  const before = selected;
  selected = item;
  for (const changed of [before, item]) if (changed && queue.items.includes(changed)) showItem(changed, item, actions);
  player.unload();
  lanes = [];
  if (item) showSelected();
  else {
    say("");
    show();
  }
}

function showSelected() {
  const { name, state, error, result } = selected;
  input.toggleAttribute("aria-busy", state === "running" || state === "waiting");
  if (state === "failed") say(t("status.failed", { name, reason: error.startsWith(`${name}: `) ? error.slice(name.length + 2) : error }), true);
  else if (state === "running" || state === "waiting") say(t("status.predicting", { name }));
  else if (state === "cancelled") say(t("status.failed", { name, reason: t("list.cancelled") }));
  if (!result) show();
  else if (result !== selected.shown || !lanes.length) showResult();
  if (state === "done") say(t("status.done", { name, answer: inWords(result) }));
}

/** Return a result in a few words, one answer for each channel. */
function inWords({ answer, lanes: channels }) {
  if (!channels) return summary(answer);
  return channels.map((each) => `${t("time.channel", { number: each.channel })}: ${summary(each.answer)}`).join("; ");
}

/** Return the lanes of an answer: one, or one for each channel. */
function lanesOf(result, name = "") {
  const { answer, segments, overview, lanes: channels } = result;
  const prefix = name && `${name} · `;
  if (result.conversation) return conversationLanes(result, prefix);
  if (!channels) return [{ name, answer, segments, overview }];
  return channels.map((each) => ({ ...each, name: prefix + t("time.channel", { number: each.channel }) }));
}

function showResult() {
  const { result, comparison, blob } = selected;
  selected.shown = result;
  useLabels(Object.keys(result.answer.scores));
  lanes = comparison?.result
    ? [...lanesOf(result, selected.query.model), ...lanesOf(comparison.result, comparison.query.model)]
    : lanesOf(result);
  lane = Math.min(lane, lanes.length - 1);
  show("result", "time", "segments");
  const { start, end } = result.answer;
  showLaneButtons();
  showTimeline(start, end, lanes, Boolean(audio.getAttribute("src"))); // the view stays if only looks or models change
  showTable();
  showDownloads(selected.name, result.documents);
  showNotes();
  showTranscript();
  showComparison();
  if (!audio.getAttribute("src")) load(blob);
  follow(audio.currentTime, !audio.paused);
}

function showWhole() {
  const { answer } = lanes[lane];
  const { start, end } = selected.result.answer;
  const about = { name: selected.name, time: clock(Math.round(end - start)), model: answer.model, device: answer.device };
  showAnswer(answer, t("result.about", about));
}

function showLaneButtons() {
  element("lane-buttons").hidden = lanes.length < 2;
  element("lane-buttons").replaceChildren(...(lanes.length < 2 ? [] : lanes).map((each, number) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = `${each.name}: ${summary(each.answer)}`;
    button.setAttribute("aria-pressed", number === lane);
    button.addEventListener("click", () => {
      lane = number;
      [...element("lane-buttons").children].forEach((other, i) => other.setAttribute("aria-pressed", i === lane));
      follow(audio.currentTime, !audio.paused);
    });
    return button;
  }));
}

function showNotes() {
  const { notes } = selected.result;
  element("notes").hidden = !notes.length;
  element("notes").replaceChildren(...notes.map((note) => Object.assign(document.createElement("li"), { textContent: note })));
}

function showTable() {
  const { conversation } = selected.result;
  const merge = element("merge").checked && !conversation; // turns stay turns
  element("merge-box").hidden = conversation;
  rows = lanes.filter(({ kind }) => kind !== "whole").flatMap(({ name, segments }) =>
    (merge ? merged(segments) : segments).map((segment) => ({ ...segment, lane: name })));
  rows.sort((one, other) => one.start - other.start);
  const column = conversation ? "speaker" : "channel";
  showRows(rows, (start, end) => player.play(start, end), lanes.length > 1 ? column : "");
}

// --- transcripts and adaptation ---------------------------------------------------------------------------------------

function showTranscript() {
  const { transcript } = selected;
  element("transcript").hidden = false;
  element("transcript").textContent = transcript ? t("transcript.remove", { name: transcript.name }) : t("transcript.add");
}

/** Predict what is shown turn by turn, or without a transcript (null) over time. */
function useTranscript(transcript) {
  lane = 0;
  queue.again(selected, { transcript });
  if (selected.comparison) compareWith(selected.comparison.query.model);
}

element("transcript").addEventListener("click", () => {
  if (selected.transcript) useTranscript(null);
  else element("transcript-file").click();
});
element("transcript-file").addEventListener("change", ({ target }) => {
  if (target.files.length && selected) useTranscript(target.files[0]);
  target.value = "";
});

function showGroup() {
  const button = element("adapt");
  button.hidden = !models.find(({ name }) => name === model.value)?.adaptable;
  button.setAttribute("aria-pressed", group !== null);
  button.setAttribute("aria-disabled", adapting !== "");
  button.textContent = adapting || (group ? t("list.adapted", { count: group.n_recordings }) : t("list.adapt"));
}

/** Predict all recordings again, adapted to a group of them; null: with the model as it is. */
function useGroup(wanted) {
  const changed = wanted !== group;
  group = wanted;
  showGroup();
  if (changed) for (const item of queue.items) if (item.state !== "failed") queue.again(item, { adaptation: group });
}

async function adaptToAll() {
  const wanted = model.value;
  const recordings = queue.items.filter(({ state }) => state !== "failed");
  const showProgress = (number) => {
    adapting = number ? t("list.adapting", { number, count: recordings.length }) : "";
    showGroup();
  };
  showProgress(1);
  const { gate } = settingsQuery();
  try {
    const found = await groupOf(recordings, { model: wanted, ...(gate ? { gate } : {}) }, showProgress);
    showProgress(0);
    if (model.value !== wanted || !queue.items.length) return;
    if (found.n_windows < MIN_WINDOWS) say(t("list.adaptFailed", { count: found.n_windows }), true);
    else useGroup(found);
  } catch (error) {
    showProgress(0);
    say(error.message, true);
  }
}

element("adapt").addEventListener("click", () => {
  if (adapting) return;
  if (group) useGroup(null);
  else adaptToAll();
});

// --- comparing two models ---------------------------------------------------------------------------------------------

const comparisons = new Queue((item) => {
  if (item.state === "failed") say(t("status.failed", { name: item.name, reason: item.error }), true);
  if (item.state === "done" && item === selected?.comparison) showResult();
});

function showComparison() {
  const others = models.filter(({ name }) => name !== selected.query.model);
  element("compare-box").hidden = !others.length;
  const wanted = selected.comparison?.query.model ?? "";
  element("compare").replaceChildren(
    new Option(t("result.compareNone"), ""), ...others.map(({ name }) => new Option(name, name, false, name === wanted)),
  );
}

/** Predict what is shown with another model too; an empty name ends that. */
function compareWith(other) {
  const { name, blob, query: { adapt, ...query }, transcript, comparison } = selected;
  if (comparison) comparisons.remove(comparison);
  const adaptable = models.find((each) => each.name === other)?.adaptable;
  const own = { ...query, model: other, ...(adapt && adaptable ? { adapt } : {}) };
  selected.comparison = other ? comparisons.add({ name, blob, transcript, query: own }) : null;
}

element("compare").addEventListener("change", ({ target }) => {
  compareWith(target.value);
  if (!target.value) showResult();
});

// --- playback ---------------------------------------------------------------------------------------------------------

function load(blob) {
  audio.hidden = false;
  element("mute").hidden = true;
  player.load(selected.playable ?? blob);
}

/** Have a format that the browser cannot play converted by the server. */
async function convertForPlayback() {
  const item = selected;
  if (!item || !audio.getAttribute("src")) return;
  audio.hidden = true;
  element("mute").hidden = false;
  element("mute").textContent = t(item.playable ? "player.mute" : "player.converting");
  if (item.playable) return;
  try {
    item.playable = await convert(item.blob, item.name);
    if (item === selected) load(item.playable);
  } catch {
    if (item === selected) element("mute").textContent = t("player.mute");
  }
}

function follow(seconds, playing) {
  if (!lanes.length || microphoneState !== "off") return;
  moveHead(seconds, playing);
  markRows(rows.flatMap((row, number) => (row.start <= seconds && seconds < row.end ? [number] : [])));
  const { segments, answer } = lanes[lane];
  const now = !playing && seconds === 0 ? null : segments[indexAt(segments, seconds)];
  if (now) showAnswer(now, t("result.at", { time: clock(seconds), answer: summary(answer) }));
  else showWhole();
}

// --- microphone -------------------------------------------------------------------------------------------------------

function microphoneLabel() {
  microphone.setAttribute("aria-pressed", microphoneState === "on");
  microphone.setAttribute("aria-disabled", microphoneState === "starting" || microphoneState === "stopping");
  microphone.textContent = t(microphoneState === "on" ? "microphone.stop" : "microphone.start");
  element("level").hidden = microphoneState !== "on";
}

async function startMicrophone() {
  const segments = [];
  player.pause();
  microphoneState = "starting"; // until the user has allowed it
  microphoneLabel();
  try {
    recording = await record({ hop: 0.5, model: model.value }, LONGEST_BYTES, {
      level(level) {
        const share = Math.max(0, Math.min(1, 1 + (20 * Math.log10(level + 1e-6)) / 60));
        element("level").firstElementChild.style.transform = `scaleX(${share})`;
      },
      segment(segment) {
        if (microphoneState !== "on") return;
        segments.push(segment);
        showLiveSegments(segments);
      },
      offline(reason) {
        show();
        say(t("microphone.offline", { reason }), true);
      },
      full: stopMicrophone,
    });
    microphoneState = "on";
    for (const item of queue.items) showItem(item, null, actions);
    show();
    element("empty").hidden = true;
    say(t("microphone.listening"));
  } catch (error) {
    microphoneState = "off";
    say(t("microphone.failed", { reason: error.message }), true);
  }
  microphoneLabel();
}

function showLiveSegments(segments) {
  const last = segments.at(-1);
  const before = segments.at(-2);
  useLabels(Object.keys(last.scores));
  show("result", "time");
  audio.hidden = true;
  element("mute").hidden = true;
  element("lane-buttons").hidden = element("compare-box").hidden = element("notes").hidden = true;
  element("transcript").hidden = true;
  if (!before || before.label !== last.label) say(t("microphone.now", { label: labelName(last.label) }));
  showAnswer(last, t("microphone.live", { time: clock(last.end) }));
  showLive(segments);
}

async function stopMicrophone() {
  if (microphoneState !== "on") return;
  microphoneState = "stopping";
  stoppedAt = performance.now();
  microphoneLabel();
  const blob = await recording.stop();
  microphoneState = "off";
  microphoneLabel();
  if (blob.size <= 44) {
    say(t("microphone.nothing"), true); // a WAV head alone
    if (selected) select(selected);
    return;
  }
  const stamp = new Date(Date.now() - new Date().getTimezoneOffset() * 60_000).toISOString().slice(0, 19).replace(/[T:]/g, "-");
  select(add(blob, `${t("microphone.file")}-${stamp}.wav`, { recorded: true }));
}

microphone.addEventListener("click", () => {
  if (microphoneState === "on") stopMicrophone();
  else if (microphoneState === "off" && performance.now() - stoppedAt > CLICK_GAP_MS) startMicrophone();
});
window.addEventListener("beforeunload", (event) => {
  if (microphoneState === "on") event.preventDefault(); // the recording would be lost
});

// --- files, models, settings, language --------------------------------------------------------------------------------

element("choose").addEventListener("click", () => file.click());
file.addEventListener("change", () => {
  open(file.files);
  file.value = "";
});
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
  open(event.dataTransfer.files);
});
onPoint({
  seek: (seconds) => player.seek(seconds),
  toggle: () => player.toggle(),
});
audio.addEventListener("error", convertForPlayback);
element("merge").addEventListener("change", showTable);
element("clear").addEventListener("click", () => {
  for (const item of [...queue.items]) {
    queue.remove(item);
    removeItem(item);
  }
  element("recordings").hidden = true;
  useGroup(null);
  select(null);
  element("choose").focus();
});

/** Predict what is shown again: the model or the settings have changed. */
function predictAgain() {
  if (!selected || microphoneState !== "off") return;
  queue.again(selected, { query: currentQuery(), adaptation: group });
  if (selected.comparison) compareWith(selected.comparison.query.model);
}

model.addEventListener("change", () => {
  useModel(models.find(({ name }) => name === model.value));
  group = null; // its vectors are those of another model
  showGroup();
  predictAgain();
});
onSettings(predictAgain);

async function showModels() {
  models = (await fetchJson("v1/models")).models;
  model.replaceChildren(...models.map(({ name }) => new Option(name, name)));
  useModel(models[0]);
}

async function showAbout() {
  const about = await fetchJson("page/about").catch(() => null);
  limits = about?.limits ?? null;
  showLimits();
  element("samples").replaceChildren(...(about?.samples ?? []).map((name) => {
    const label = name.split(".")[0];
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: labelName(label) });
    button.dataset.label = label;
    button.addEventListener("click", async () => {
      const response = await fetch(address(`static/samples/${name}`)).catch(() => null);
      if (response?.ok) select(add(await response.blob(), name));
      else say(t("status.unreachable"), true);
    });
    return button;
  }));
  if (about?.samples?.length) {
    const caption = Object.assign(document.createElement("span"), { className: "soft", textContent: t("input.try") });
    caption.dataset.t = "input.try";
    element("samples").prepend(caption);
  }
}

function showLimits() {
  const values = limits && { size: Math.round(limits.upload_bytes / 2 ** 20), minutes: Math.round(limits.duration_s / 60) };
  element("limits").textContent = limits ? t("input.limits", values) : t("input.formats");
}

async function switchLanguage(wanted) {
  await useLanguage(wanted);
  microphoneLabel();
  showLimits();
  for (const item of queue.items) showItem(item, selected, actions);
  showGroup();
  if (selected?.result && microphoneState === "off") showResult();
  for (const button of element("samples").querySelectorAll("button")) button.textContent = labelName(button.dataset.label);
  redraw();
}

element("language").append(...Object.entries(LANGUAGES).map(([code, name]) => new Option(name, code)));
element("language").addEventListener("change", ({ target }) => switchLanguage(target.value));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  if (lanes.length && microphoneState === "off") showResult();
});

await switchLanguage(preferredLanguage());
element("language").value = language;
const failed = (error) => say(error.message, true);
showModels().catch(failed);
showAbout().catch(failed);
document.documentElement.dataset.ready = "true";
