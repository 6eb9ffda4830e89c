// A colour for each label, from the style sheet; labels it does not know take turns.
const KNOWN = ["neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised"];

let order = KNOWN;

export function useLabels(labels) {
  order = labels;
}

export function colour(label) {
  if (label === "no speech" || label === "unknown") return "transparent";
  const name = KNOWN.includes(label) ? label : KNOWN[Math.max(0, order.indexOf(label)) % KNOWN.length];
  return variable(`--${name}`);
}

export function variable(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}
