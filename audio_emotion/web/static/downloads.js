// Links that save a prediction in each format.
import { t } from "./i18n.js";

const box = document.getElementById("downloads");

/** Offer documents, { format: { text, suffix } }, of a recording of this name. */
export function showDownloads(name, documents) {
  for (const link of box.children) URL.revokeObjectURL(link.href);
  box.replaceChildren(...Object.entries(documents).map(([format, { text, suffix }]) => {
    const link = Object.assign(document.createElement("a"), { id: format, className: "button", textContent: format.toUpperCase() });
    link.href = URL.createObjectURL(new Blob([text], { type: "text/plain" }));
    link.download = name.replace(/\.\w+$/, "") + suffix;
    link.setAttribute("aria-label", t("segments.downloadName", { format: format.toUpperCase() }));
    return link;
  }));
}
