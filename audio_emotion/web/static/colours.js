// A colour for each label, from the style sheet; labels it does not know take turns.
const KNOWN = ["neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised"];

let order = KNOWN;

export function useLabels(labels) {
  order = labels;
}

export const hasColour = (label) => label !== "no speech" && label !== "unknown";

export function colour(label) {
  if (!hasColour(label)) return "transparent";
  const name = KNOWN.includes(label) ? label : KNOWN[Math.max(0, order.indexOf(label)) % KNOWN.length];
  return variable(`--${name}`);
}

export function variable(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

/** Return colour() with a memory, for drawings that ask thousands of times. */
export function palette() {
  const known = new Map();
  return (label) => {
    if (!known.has(label)) known.set(label, colour(label));
    return known.get(label);
  };
}

/** Return a dot in the colour of a label. */
export function dot(label) {
  const element = document.createElement("span");
  element.className = hasColour(label) ? "dot" : "dot hollow";
  element.style.background = colour(label);
  return element;
}
