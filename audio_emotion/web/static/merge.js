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

/** Return the index of the segment at a time, -1 if there is none; segments are sorted by time. */
export function indexAt(segments, seconds) {
  let [low, high] = [0, segments.length - 1];
  while (low <= high) {
    const middle = (low + high) >> 1;
    if (segments[middle].end <= seconds) low = middle + 1;
    else if (segments[middle].start > seconds) high = middle - 1;
    else return middle;
  }
  return -1;
}
