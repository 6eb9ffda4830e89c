// Texts of the page in the reader's language, from messages/LANGUAGE.json; English where a text is missing.
export const LANGUAGES = { en: "English", de: "Deutsch" };

const KEY = "audio-emotion-language";
const fetchTexts = async (language) => {
  const response = await fetch(new URL(`messages/${language}.json`, import.meta.url));
  return response.ok ? response.json() : {};
};

const english = await fetchTexts("en").catch(() => ({}));
let texts = english;
export let language = "en";

/** Return the text of a key; `{name}` in it is replaced by values.name. */
export function t(key, values = {}) {
  const text = texts[key] ?? english[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

/** Return the name of a label, translated if the messages know it. */
export const labelName = (label) => texts[`label.${label}`] ?? english[`label.${label}`] ?? label;

export const number = (value, digits) =>
  value.toLocaleString(language, { minimumFractionDigits: digits, maximumFractionDigits: digits, useGrouping: false });

export const percent = (share) => `${number(100 * share, share < 0.0995 ? 1 : 0)} %`;

/** Switch the page's language and remember it; elements name their texts in data-t and data-t-label. */
export async function useLanguage(wanted) {
  language = wanted in LANGUAGES ? wanted : "en";
  texts = language === "en" ? english : await fetchTexts(language).catch(() => english);
  document.documentElement.lang = language;
  for (const element of document.querySelectorAll("[data-t]")) element.textContent = t(element.dataset.t);
  for (const element of document.querySelectorAll("[data-t-label]")) {
    element.setAttribute("aria-label", t(element.dataset.tLabel));
  }
  try {
    localStorage.setItem(KEY, language);
  } catch { /* private windows may refuse storage */ }
}

/** Return the language that was selected before, else the browser's. */
export function preferredLanguage() {
  let stored = null;
  try {
    stored = localStorage.getItem(KEY);
  } catch { /* as above */ }
  const wanted = [stored, ...navigator.languages.map((name) => name.split("-")[0])];
  return wanted.find((name) => name in LANGUAGES) ?? "en";
}
