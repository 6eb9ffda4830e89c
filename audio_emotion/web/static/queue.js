// Recordings that wait for their prediction, and those that are done: what this tab has seen since it was opened.
import { predict, RequestFailed } from "./api.js";

const AT_ONCE = 2;
const RETRIES = 20; // of a server that is busy

/**
 * A queue of items { id, name, blob, query, transcript, adaptation, state, phase, share, result, error }.
 *
 * `state` is waiting, running, done, failed or cancelled. `changed(item)` is called whenever an item changes.
 */
export class Queue {
  items = [];
  #running = new Map(); // item → AbortController
  #nextId = 1;

  constructor(changed) {
    this.changed = changed;
  }

  /** Add a recording; with an error it is listed as failed and never sent. */
  add({ name, blob, query, transcript = null, adaptation = null, recorded = false, error = "" }) {
    const state = error ? "failed" : "waiting";
    const item = { id: this.#nextId, name, blob, query, transcript, adaptation, recorded, state, result: null, error };
    this.#nextId += 1;
    this.items.push(item);
    this.changed(item);
    this.#next();
    return item;
  }

  /** Predict an item again, with changes of its fields; its earlier result stays until there is another. */
  again(item, changes) {
    this.#stop(item);
    Object.assign(item, { ...changes, state: "waiting", error: "" });
    this.changed(item);
    this.#next();
  }

  cancel(item) {
    this.#stop(item);
    item.state = "cancelled";
    this.changed(item);
    this.#next();
  }

  remove(item) {
    this.#stop(item);
    this.items = this.items.filter((other) => other !== item);
    this.#next();
  }

  #stop(item) {
    this.#running.get(item)?.abort();
    this.#running.delete(item);
  }

  #next() {
    for (const item of this.items) {
      if (this.#running.size >= AT_ONCE) return;
      if (item.state === "waiting") this.#run(item);
    }
  }

  async #run(item) {
    const control = new AbortController();
    this.#running.set(item, control);
    Object.assign(item, { state: "running", phase: "uploading", share: 0 });
    this.changed(item);
    const progress = (phase, share) => {
      if (control.signal.aborted) return;
      Object.assign(item, { phase, share });
      this.changed(item);
    };
    try {
      const result = await patiently(() => predict(item, progress, control.signal), progress, control.signal);
      if (!control.signal.aborted) Object.assign(item, { state: "done", result });
    } catch (error) {
      if (!control.signal.aborted) Object.assign(item, { state: "failed", error: error.message });
    }
    if (control.signal.aborted) return; // cancel() or again() has set the state
    this.#running.delete(item);
    this.changed(item);
    this.#next();
  }
}

/** Ask again while the server is busy and says when to try again. */
async function patiently(request, progress, signal) {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await request();
    } catch (error) {
      const busy = error instanceof RequestFailed && error.status === 429 && error.retryAfter_s !== null;
      if (!busy || attempt > RETRIES || signal.aborted) throw error;
      progress("busy", null);
      await new Promise((resolve) => { setTimeout(resolve, 1000 * error.retryAfter_s); });
    }
  }
}
