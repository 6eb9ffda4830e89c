// The table of segments: what the timeline shows, in words.
import { percent } from "./bars.js";
import { colour } from "./colours.js";

const body = document.getElementById("rows");
const MOST = 2000; // rows; the files to download have all

/** List segments; a row's time is a button that plays from there. */
export function showRows(segments, play) {
  const rows = segments.slice(0, MOST).map((segment) => row(segment, play));
  if (segments.length > MOST) rows.push(more(segments.length - MOST));
  body.replaceChildren(...rows);
}

/** Mark the row of the segment that is playing. */
export function markRow(number) {
  body.querySelector(".now")?.classList.remove("now");
  const now = body.children[number];
  now?.classList.add("now");
}

function row(segment, play) {
  const [line, time, label, score] = ["tr", "td", "td", "td"].map((tag) => document.createElement(tag));
  const [button, dot] = [document.createElement("button"), document.createElement("span")];
  const [start, end] = [segment.start, segment.end].map((seconds) => seconds.toFixed(2));
  button.type = "button";
  button.textContent = `${start} – ${end} s`;
  button.setAttribute("aria-label", `Play from ${start} to ${end} seconds`);
  button.addEventListener("click", () => play(segment.start));
  dot.className = "dot";
  dot.style.background = colour(segment.label);
  dot.classList.toggle("hollow", colour(segment.label) === "transparent");
  time.append(button);
  label.append(dot, segment.label);
  score.textContent = segment.label === "no speech" ? "" : percent(segment.score);
  line.append(time, label, score);
  return line;
}

function more(count) {
  const [line, cell] = [document.createElement("tr"), document.createElement("td")];
  cell.colSpan = 3;
  cell.textContent = `… and ${count} more in the files`;
  line.append(cell);
  return line;
}
