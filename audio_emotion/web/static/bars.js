// The answer in words, and a bar for each emotion.
import { colour } from "./colours.js";

const list = document.getElementById("bars");
const rows = new Map();

export const percent = (share) => `${(100 * share).toFixed(share < 0.0995 ? 1 : 0)} %`;

export function said(answer) {
  return answer.label === "no speech" ? "no speech" : `${answer.label}, ${percent(answer.score)}`;
}

export function showBars(answer) {
  const labels = Object.keys(answer.scores);
  if (labels.join() !== [...rows.keys()].join()) build(labels);
  for (const [label, row] of rows) {
    const score = answer.scores[label];
    row.fill.style.transform = `scaleX(${score})`;
    row.fill.style.background = colour(label);
    row.value.textContent = percent(score);
    row.item.classList.toggle("best", label === answer.label);
    row.item.dataset.score = score;
  }
}

function build(labels) {
  rows.clear();
  list.replaceChildren(...labels.map((label) => {
    const [item, name, track, fill, value] = ["li", "span", "div", "div", "span"].map((tag) => document.createElement(tag));
    name.className = "name";
    name.textContent = label;
    track.className = "track";
    track.setAttribute("aria-hidden", "true");
    fill.className = "fill";
    value.className = "value";
    item.dataset.label = label;
    track.append(fill);
    item.append(name, track, value);
    rows.set(label, { item, fill, value });
    return item;
  }));
}
