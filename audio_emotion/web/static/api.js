// Requests to the service, whatever path it is served under.
import { t } from "./i18n.js";

const ROOT = new URL("..", import.meta.url); // this file is ROOT/static/api.js

export const address = (path) => new URL(path, ROOT);

/** A request without an answer: its status (0: the server cannot be reached) and for how long to wait. */
export class RequestFailed extends Error {
  constructor(message, status = 0, retryAfter_s = null) {
    super(message);
    [this.status, this.retryAfter_s] = [status, retryAfter_s];
  }
}

export async function fetchJson(path) {
  const response = await fetch(address(path)).catch(() => {
    throw new RequestFailed(t("status.unreachable"));
  });
  if (!response.ok) throw new RequestFailed(await reasonOf(response), response.status);
  return response.json();
}

async function reasonOf(response) {
  const body = await response.json().catch(() => ({}));
  return body.detail ?? `${response.status} ${response.statusText}`;
}

/**
 * Upload a recording, maybe with a transcript (a file) and what to adapt to (an object); return what the server answers.
 *
 * `progress(phase, share)` is called with "uploading" and "predicting"; the server sends a line of JSON for each step of a
 * long prediction, and the answer as the last line.
 */
export function predict({ blob, name, query, transcript, adaptation }, progress, signal) {
  const body = new FormData();
  body.append("file", blob, name);
  if (transcript) body.append("segments", transcript, transcript.name);
  if (adaptation) body.append("adaptation", new Blob([JSON.stringify(adaptation)]), "adaptation.json");
  const request = new XMLHttpRequest();
  const url = address("page/predict");
  const { speakers, ...others } = query;
  url.search = new URLSearchParams(transcript || !speakers ? others : query); // a transcript says who speaks
  return new Promise((resolve, reject) => {
    signal.addEventListener("abort", () => request.abort());
    request.upload.onprogress = ({ loaded, total }) => progress("uploading", total ? loaded / total : 0);
    request.upload.onload = () => progress("predicting", null);
    request.onprogress = () => {
      const line = lines(request.responseText).findLast((text) => text.startsWith('{"progress"'));
      if (line) progress("predicting", parsed(line)?.progress ?? null);
    };
    request.onerror = () => reject(new RequestFailed(t("status.unreachable")));
    request.onabort = () => reject(new DOMException("cancelled", "AbortError"));
    request.onload = () => {
      const last = parsed(lines(request.responseText).at(-1));
      if (request.status === 200 && last?.answer) return resolve(last);
      const wait = request.getResponseHeader("Retry-After");
      const reason = last?.detail ?? `${request.status} ${request.statusText}`;
      return reject(new RequestFailed(reason, last?.status ?? request.status, wait === null ? null : +wait));
    };
    request.open("POST", url);
    request.send(body);
  });
}

/** Return a recording as WAV, for players that do not know its format. */
export async function convert(blob, name) {
  const body = new FormData();
  body.append("file", blob, name);
  const response = await fetch(address("page/audio"), { method: "POST", body });
  if (!response.ok) throw new RequestFailed(await reasonOf(response), response.status);
  return response.blob();
}

/** Return the sum of a recording's pooled vectors, { total, n_windows }. */
export async function pooled(blob, name, query) {
  const body = new FormData();
  body.append("file", blob, name);
  const url = address("page/pooled");
  url.search = new URLSearchParams(query);
  const response = await fetch(url, { method: "POST", body }).catch(() => {
    throw new RequestFailed(t("status.unreachable"));
  });
  if (!response.ok) throw new RequestFailed(await reasonOf(response), response.status);
  return response.json();
}

const lines = (text) => text.trimEnd().split("\n");

function parsed(line) {
  try {
    return JSON.parse(line);
  } catch {
    return null; // a line that has not arrived as a whole
  }
}
