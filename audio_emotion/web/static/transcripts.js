// Transcripts and label files among the files that were chosen, each with the recording that it belongs to.
const SUFFIXES = new Set(["json", "srt", "vtt", "rttm", "csv", "tsv", "txt", "textgrid", "eaf", "ass", "ssa", "lab"]);

const suffix = (name) => name.split(".").at(-1).toLowerCase();
const stem = (name) => name.replace(/\.[^.]*$/, "").toLowerCase();

export const isTranscript = ({ name }) => name.includes(".") && SUFFIXES.has(suffix(name));

/** Return { pairs: [{ file, transcript }], alone }: transcripts go with the recording of their name, or the only one. */
export function paired(files) {
  const transcripts = files.filter(isTranscript);
  const recordings = files.filter((file) => !isTranscript(file));
  if (recordings.length === 1 && transcripts.length === 1) {
    return { pairs: [{ file: recordings[0], transcript: transcripts[0] }], alone: [] };
  }
  const pairs = recordings.map((file) => ({
    file, transcript: transcripts.find(({ name }) => stem(name) === stem(file.name)) ?? null,
  }));
  return { pairs, alone: transcripts.filter((each) => !pairs.some(({ transcript }) => transcript === each)) };
}
