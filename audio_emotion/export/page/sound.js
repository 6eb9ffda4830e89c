// A sound → the windows that the model reads: as audio_emotion/audio/windows.py, whose comments say why.
const [HOP, TRIM_DB, SILENCE_DBFS] = [256, 40, -60];

/** Decode a file to mono samples at `rate` Hz; the browser resamples. */
export async function decoded(content, rate) {
  const context = new OfflineAudioContext(1, 1, rate);
  const sound = await context.decodeAudioData(content);
  const channels = Array.from({ length: sound.numberOfChannels }, (_, i) => sound.getChannelData(i));
  return channels[0].map((_, i) => channels.reduce((sum, channel) => sum + channel[i], 0) / channels.length);
}

/** The level of each frame of two hops, one a hop, centred, in dB re full scale. */
export function levels(samples) {
  const energies = new Float64Array(Math.floor(samples.length / HOP) + 2); // a silent hop before, the rest behind
  samples.forEach((sample, i) => {
    energies[Math.floor(i / HOP) + 1] += sample * sample;
  });
  return Array.from({ length: energies.length - 1 }, (_, i) => {
    return 10 * Math.log10(Math.max((energies[i] + energies[i + 1]) / (2 * HOP), 1e-12));
  });
}

const highest = (values) => values.reduce((most, value) => Math.max(most, value), -Infinity);

/** Where the quiet at both ends ends and begins, in samples. */
export function trimmed(samples) {
  const found = levels(samples);
  const floor = highest(found) - TRIM_DB;
  const first = found.findIndex((level) => level > floor);
  const last = found.findLastIndex((level) => level > floor);
  return [first * HOP, Math.min(samples.length, (last + 1) * HOP)];
}

/** Windows that cover a sound, each half a window after the last: {start, end} in samples, and their content. */
export function windows(samples, length) {
  const [first, end] = trimmed(samples);
  const spare = end - first - length;
  const starts = [];
  for (let at = 0; at < spare; at += Math.floor(length / 2)) starts.push(first + at);
  starts.push(first + Math.max(0, spare));
  return starts.map((start) => {
    const part = samples.subarray(start, Math.min(end, start + length));
    const content = new Float32Array(length);
    content.set(part, Math.floor((length - part.length) / 2));
    return { start, end: start + part.length, content, silent: highest(levels(part)) < SILENCE_DBFS };
  });
}

/** Lowest and highest sample of each of many columns: the waveform as draw.js shows it. */
export function waveform(samples, rate, columns = 20_000) {
  const step = Math.max(1, Math.ceil(samples.length / columns));
  const n = Math.ceil(samples.length / step);
  const wave = new Float32Array(2 * n);
  for (let i = 0; i < samples.length; i += 1) {
    const at = 2 * Math.floor(i / step);
    wave[at] = Math.min(wave[at], samples[i]);
    wave[at + 1] = Math.max(wave[at + 1], samples[i]);
  }
  const peak = wave.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-9);
  return { wave: Int8Array.from(wave, (value) => Math.round((127 * value) / peak)), step_s: step / rate };
}
