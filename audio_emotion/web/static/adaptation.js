// Adaptation of the model to all recordings of the list, without labels.
import { pooled } from "./api.js";

/**
 * Return { total, n_windows, n_recordings } of recordings ({ blob, name }), for the requests that follow.
 *
 * `progress(number)` is called before each of them. One that cannot be read counts for nothing: its own row says why.
 */
export async function groupOf(recordings, query, progress) {
  const group = { total: [], n_windows: 0, n_recordings: 0 };
  for (const [i, { blob, name }] of recordings.entries()) {
    progress(i + 1);
    const own = await pooled(blob, name, query).catch((error) => {
      if (!error.status) throw error; // the server cannot be reached
      return null;
    });
    if (!own?.n_windows) continue;
    group.total = own.total.map((value, place) => value + (group.total[place] ?? 0));
    group.n_windows += own.n_windows;
    group.n_recordings += 1;
  }
  return group;
}
