// How recordings are predicted: the form's fields are parameters of /v1/emotions.
import { t } from "./i18n.js";

const form = document.getElementById("settings");
const { window: windowField, hop, smooth, min_confidence: confidence, channels, speakers, adapt, gate } = form.elements;

/** Return the parameters that differ from the service's own defaults; the page's hop is its own. */
export function settingsQuery() {
  const query = { hop: hop.value || "0.5" };
  if (windowField.value) query.window = windowField.value;
  if (smooth.value) query.smooth = smooth.value;
  if (+confidence.value) query.min_confidence = confidence.value;
  if (!gate.checked) query.gate = "false";
  if (channels.value !== "auto") query.channels = channels.value;
  if (speakers.value) query.speakers = speakers.value;
  if (adapt.checked && !adapt.disabled) query.adapt = "speaker";
  return query;
}

/** Show what holds for a model: its own window where the field is empty, and whether it can be adapted. */
export function useModel(model) {
  windowField.placeholder = model?.window_s ?? "";
  adapt.disabled = !model?.adaptable;
  check();
}

/** Call back when the settings have changed and are valid. */
export function onSettings(callback) {
  form.addEventListener("change", () => {
    check();
    if (form.reportValidity()) callback();
  });
  form.addEventListener("reset", () => setTimeout(() => {
    check();
    callback();
  }));
  form.addEventListener("submit", (event) => event.preventDefault());
}

function check() {
  const length = +(windowField.value || windowField.placeholder || Infinity);
  hop.setCustomValidity(+hop.value > length ? t("settings.hopTooLong", { window: length }) : "");
}
