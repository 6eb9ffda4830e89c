// The table of segments: what the timeline shows, in words.
import { details, isEven } from "./bars.js";
import { dot } from "./colours.js";
import { labelName, number, percent, t } from "./i18n.js";

const body = document.getElementById("rows");
const box = body.closest(".scroll");
const MOST = 2000; // rows; the downloads hold all

/** List segments ({ start, end, label, score, scores, lane? }); a row's time is a button that plays it. */
export function showRows(segments, play, withLanes = false) {
  document.getElementById("lane-column").hidden = !withLanes;
  const rows = segments.slice(0, MOST).map((segment) => row(segment, play, withLanes));
  if (segments.length > MOST) rows.push(more(segments.length - MOST, withLanes));
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

function row(segment, play, withLanes) {
  const line = document.createElement("tr");
  const button = document.createElement("button");
  const [start, end] = [segment.start, segment.end].map((seconds) => number(seconds, 2));
  button.type = "button";
  button.textContent = `${start} – ${end} s`;
  button.setAttribute("aria-label", t("segments.play", { time: button.textContent }));
  button.addEventListener("click", () => play(segment.start, segment.end));
  line.insertCell().append(button);
  if (withLanes) line.insertCell().textContent = segment.lane;
  line.insertCell().append(dot(segment.label), labelName(segment.label));
  const score = line.insertCell();
  score.textContent = segment.label === "no speech" ? "" : percent(segment.score);
  if (isEven(segment)) score.textContent += ` (${t("answer.evenShort")})`;
  line.title = details(segment, 8);
  return line;
}

function more(count, withLanes) {
  const line = document.createElement("tr");
  const cell = line.insertCell();
  cell.colSpan = withLanes ? 4 : 3;
  cell.textContent = t("segments.more", { count });
  return line;
}
