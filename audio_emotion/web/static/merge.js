// Adjacent segments of one label as one segment.

/** Join adjacent segments with the same label; scores become their mean, weighted by duration. */
export function merged(segments) {
  const runs = [];
  for (const segment of segments) {
    const last = runs.at(-1);
    if (last && last.label === segment.label && Math.abs(last.end - segment.start) < 0.01) extend(last, segment);
    else runs.push({ ...segment, scores: { ...segment.scores } });
  }
  return runs;
}

function extend(run, segment) {
  const [old, added] = [run.end - run.start, segment.end - segment.start];
  const share = added / (old + added || 1);
  for (const label of Object.keys(run.scores)) {
    run.scores[label] += (segment.scores[label] - run.scores[label]) * share;
  }
  run.score = run.scores[run.label] ?? run.score + (segment.score - run.score) * share;
  run.end = segment.end;
}

/** Return one prediction for all segments: the mean of the scores of their speech, weighted by duration. */
export function overall(segments, whole) {
  const speech = segments.filter(({ label }) => label !== "no speech");
  const seconds = speech.reduce((sum, { start, end }) => sum + end - start, 0);
  const names = Object.keys(whole.scores);
  const mean = (name) => speech.reduce((sum, { start, end, scores }) => sum + scores[name] * (end - start), 0) / (seconds || 1);
  const scores = Object.fromEntries(names.map((name) => [name, mean(name)]));
  const best = names.reduce((one, other) => (scores[other] > scores[one] ? other : one));
  return { ...whole, label: seconds ? best : "no speech", score: scores[best], scores };
}

/** Return the index of the segment at a time, of several the last one to begin, -1 if there is none; sorted by start. */
export function indexAt(segments, seconds) {
  let [low, high] = [0, segments.length - 1];
  while (low <= high) {
    const middle = (low + high) >> 1;
    if (segments[middle].start <= seconds) low = middle + 1;
    else high = middle - 1;
  }
  // turns may overlap: one that began earlier may go on
  for (let i = high; i >= Math.max(0, high - 20); i -= 1) if (segments[i].end > seconds) return i;
  return -1;
}
