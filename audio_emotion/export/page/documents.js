// Downloads of a prediction over time, as `audio-emotion infer` writes them.

const clock = (seconds) => {
  const ms = Math.round(1000 * seconds);
  const part = (value, digits = 2) => String(Math.floor(value)).padStart(digits, "0");
  return `${part(ms / 3_600_000)}:${part((ms / 60_000) % 60)}:${part((ms / 1000) % 60)},${part(ms % 1000, 3)}`;
};

/** Quote a cell; what a spreadsheet would take for a formula gets an apostrophe before it (OWASP). */
function cell(text) {
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** Return the downloads, { json, csv, srt } of { text, suffix }, of { file, model, answer, segments }. */
export function documents({ file, model, answer, segments }) {
  const labels = Object.keys(answer.scores);
  const rows = segments.map((s) => [
    cell(file), s.start.toFixed(3), s.end.toFixed(3), s.label, s.score.toFixed(6),
    ...labels.map((label) => s.scores[label].toFixed(6)), cell(model), "browser",
  ]);
  const cues = segments.filter(({ label }) => label !== "no speech").map((s, i) =>
    `${i + 1}\n${clock(s.start)} --> ${clock(s.end)}\n${s.label} (${Math.round(100 * s.score)}%)\n\n`);
  const texts = {
    json: `${JSON.stringify({ file, ...answer, segments, model, device: "browser" }, null, 2)}\n`,
    csv: [["file", "start", "end", "label", "score", ...labels, "model", "device"], ...rows].map((row) => `${row.join(",")}\n`).join(""),
    srt: cues.join(""),
  };
  return Object.fromEntries(Object.entries(texts).map(([format, text]) => [format, { text, suffix: `.${format}` }]));
}
