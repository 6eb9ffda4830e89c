// The list of recordings: what waits, how far it is, and what has been predicted in this tab.
import { summary } from "./bars.js";
import { dot } from "./colours.js";
import { percent, t } from "./i18n.js";

const list = document.getElementById("list");
const rows = new Map(); // item → elements

/** Show an item's state, in a row of its own; actions are select, cancel, retry and remove of an item. */
export function showItem(item, selected, actions) {
  if (!rows.has(item)) {
    rows.set(item, build(item, actions));
    list.prepend(rows.get(item).row);
  }
  const { row, open, state, transcript, progress, cancel, retry, keep, remove } = rows.get(item);
  const running = item.state === "running" || item.state === "waiting";
  row.dataset.state = item.state;
  if (item === selected) open.setAttribute("aria-current", "true");
  else open.removeAttribute("aria-current");
  open.textContent = item.name;
  state.replaceChildren(...stateOf(item));
  transcript.hidden = !item.transcript;
  transcript.textContent = item.transcript?.name ?? "";
  state.classList.toggle("problem", item.state === "failed");
  progress.hidden = item.state !== "running";
  if (item.share == null) progress.removeAttribute("value");
  else progress.value = item.share;
  progress.setAttribute("aria-label", t("list.progress", { name: item.name }));
  cancel.hidden = !running;
  retry.hidden = item.state !== "failed" && item.state !== "cancelled";
  remove.hidden = running;
  for (const [button, key] of [[cancel, "cancel"], [retry, "retry"], [remove, "remove"], [keep, "keep"]]) {
    button.textContent = t(`list.${key}`);
    button.setAttribute("aria-label", t(`list.${key}Name`, { name: item.name }));
  }
}

export function removeItem(item) {
  const row = rows.get(item);
  URL.revokeObjectURL(row?.keep.href);
  row?.row.remove();
  rows.delete(item);
}

function stateOf(item) {
  if (item.state === "done") {
    const { answer, lanes } = item.result;
    const answers = (lanes ?? [item.result]).map((lane) => lane.answer);
    return [...answers.flatMap((each) => [dot(each.label), `${summary(each)} `]), `· ${answer.model}`];
  }
  if (item.state === "failed") return [item.error];
  if (item.state !== "running") return [t(`list.${item.state}`)];
  const share = item.share ? ` ${percent(item.share)}` : "";
  return [t(`list.${item.phase}`) + share];
}

function build(item, actions) {
  const row = document.createElement("li");
  const [open, cancel, retry, remove] = ["select", "cancel", "retry", "remove"].map((action) => {
    const button = document.createElement("button");
    button.type = "button";
    button.className = action;
    button.addEventListener("click", () => actions[action](item));
    return button;
  });
  const state = Object.assign(document.createElement("span"), { className: "state" });
  const transcript = Object.assign(document.createElement("span"), { className: "transcript" });
  const progress = Object.assign(document.createElement("progress"), { max: 1 });
  const keep = Object.assign(document.createElement("a"), { className: "button keep", download: item.name });
  keep.hidden = !item.recorded; // what the microphone recorded exists nowhere else
  if (item.recorded) keep.href = URL.createObjectURL(item.blob);
  row.append(open, state, transcript, progress, keep, retry, cancel, remove);
  return { row, open, state, transcript, progress, cancel, retry, keep, remove };
}
