// A prediction in words, and a bar for each emotion.
import { colour } from "./colours.js";
import { labelName, percent, t } from "./i18n.js";

const EVEN = 0.93; // of the greatest possible entropy: above it no emotion stands out
const element = (id) => document.getElementById(id);
const list = element("bars");
const rows = new Map();

/** Tell whether no emotion stands out: "calm, 17 %" would say more than the model does. */
export function isEven(prediction) {
  const scores = Object.values(prediction.scores).filter((score) => score > 0);
  const entropy = scores.reduce((sum, score) => sum - score * Math.log(score), 0);
  return prediction.label !== "no speech" && entropy > EVEN * Math.log(Object.keys(prediction.scores).length);
}

/** Return a prediction in a few words. */
export function summary(prediction) {
  if (prediction.label === "no speech") return labelName(prediction.label);
  if (isEven(prediction)) return t("answer.even");
  return `${labelName(prediction.label)}, ${percent(prediction.score)}`;
}

/** Return the highest scores of a prediction in words. */
export function details(prediction, count = 3) {
  if (prediction.label === "no speech") return labelName(prediction.label);
  const best = Object.entries(prediction.scores).sort((a, b) => b[1] - a[1]).slice(0, count);
  return best.map(([label, score]) => `${labelName(label)} ${percent(score)}`).join(", ");
}

/** Show a prediction in large type, what it is about, and its bars. */
export function showAnswer(prediction, about) {
  element("answer").textContent = summary(prediction);
  element("answer").classList.toggle("even", isEven(prediction));
  element("about").textContent = isEven(prediction) ? `${t("answer.evenAbout", { details: details(prediction) })} · ${about}` : about;
  showBars(prediction);
}

function showBars(prediction) {
  const labels = Object.keys(prediction.scores);
  if (labels.join() !== [...rows.keys()].join()) build(labels);
  for (const [label, row] of rows) {
    const score = prediction.scores[label];
    row.name.textContent = labelName(label);
    row.fill.style.transform = `scaleX(${score})`;
    row.fill.style.background = colour(label);
    row.value.textContent = percent(score);
    row.item.classList.toggle("best", label === prediction.label && !isEven(prediction));
    row.item.dataset.score = score;
  }
}

function build(labels) {
  rows.clear();
  list.replaceChildren(...labels.map((label) => {
    const [item, name, track, fill, value] = ["li", "span", "div", "div", "span"].map((tag) => document.createElement(tag));
    name.className = "name";
    track.className = "track";
    track.setAttribute("aria-hidden", "true");
    fill.className = "fill";
    value.className = "value";
    item.dataset.label = label;
    track.append(fill);
    item.append(name, track, value);
    rows.set(label, { item, name, fill, value });
    return item;
  }));
}
