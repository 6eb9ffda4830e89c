// The table of segments: what the timeline shows, in words.
import { details, isEven } from "./bars.js";
import { dot } from "./colours.js";
import { labelName, number, percent, t } from "./i18n.js";

const body = document.getElementById("rows");
const box = body.closest(".scroll");
const MOST = 2000; // rows; the downloads hold all

/**
 * List segments ({ start, end, label, score, scores, lane?, text? }); a row's time is a button that plays it.
 *
 * `lanes` is what a lane is, channel or speaker; without it there is no column for it.
 */
export function showRows(segments, play, lanes = "") {
  const column = document.getElementById("lane-column");
  column.hidden = !lanes;
  column.textContent = t(lanes === "speaker" ? "segments.speaker" : "segments.lane");
  const withText = segments.some(({ text }) => text);
  document.getElementById("text-column").hidden = !withText;
  const rows = segments.slice(0, MOST).map((segment) => row(segment, play, lanes, withText));
  if (segments.length > MOST) rows.push(more(segments.length - MOST, 3 + Boolean(lanes) + withText));
  body.replaceChildren(...rows);
  box.scrollTop = 0;
}

/** Mark the rows at the position of playback, and bring the first of them into view. */
export function markRows(numbers) {
  const rows = numbers.map((number) => body.children[number]).filter(Boolean);
  const before = [...body.querySelectorAll(".now")];
  if (rows.length === before.length && rows.every((line, i) => line === before[i])) return;
  for (const line of before) line.classList.remove("now");
  for (const line of rows) line.classList.add("now");
  if (!rows.length) return;
  const [top, bottom] = [rows[0].offsetTop - 40, rows[0].offsetTop + rows[0].offsetHeight]; // 40 px: the table's head
  if (top < box.scrollTop) box.scrollTop = top;
  else if (bottom > box.scrollTop + box.clientHeight) box.scrollTop = bottom - box.clientHeight;
}

function row(segment, play, lanes, withText) {
  const line = document.createElement("tr");
  const button = document.createElement("button");
  const [start, end] = [segment.start, segment.end].map((seconds) => number(seconds, 2));
  button.type = "button";
  button.textContent = `${start} – ${end} s`;
  button.setAttribute("aria-label", t("segments.play", { time: button.textContent }));
  button.addEventListener("click", () => play(segment.start, segment.end));
  line.insertCell().append(button);
  if (lanes) line.insertCell().textContent = segment.lane;
  if (withText) Object.assign(line.insertCell(), { className: "text", textContent: segment.text ?? "" });
  line.insertCell().append(dot(segment.label), labelName(segment.label));
  const score = line.insertCell();
  score.textContent = segment.label === "no speech" ? "" : percent(segment.score);
  if (isEven(segment)) score.textContent += ` (${t("answer.evenShort")})`;
  line.title = details(segment, 8);
  return line;
}

function more(count, nColumns) {
  const line = document.createElement("tr");
  const cell = line.insertCell();
  cell.colSpan = nColumns;
  cell.textContent = t("segments.more", { count });
  return line;
}
