// The microphone: its samples go to /v1/stream as they come, and are kept as a recording whatever becomes of the stream.
import { address } from "./api.js";
import { t } from "./i18n.js";
import { wavHead } from "./wav.js";

/**
 * Start recording; return { stop }, which ends it and resolves to a WAV blob.
 *
 * Handlers: level(rms), segment(segment), offline(reason) when live predictions end before the recording does, and
 * full() when the recording has to end: `longestBytes` are recorded, or the microphone is gone.
 */
export async function record(query, longestBytes, handlers) {
  if (!navigator.mediaDevices) throw new Error(t("microphone.insecure"));
  const media = await navigator.mediaDevices.getUserMedia({
    audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false },
  });
  const end = () => media.getTracks().forEach((track) => track.stop());
  const context = new AudioContext();
  try {
    await context.audioWorklet.addModule(new URL("capture.js", import.meta.url));
  } catch (error) {
    end();
    await context.close();
    throw error;
  }
  const stream = openStream({ ...query, sampling_rate: context.sampleRate }, handlers);
  const capture = new AudioWorkletNode(context, "capture", { numberOfOutputs: 0 });
  const [blocks, state] = [[], { bytes: 0, full: false }];
  const finish = () => {
    if (!state.full) handlers.full();
    state.full = true;
  };
  capture.port.onmessage = ({ data }) => {
    const samples = new Int16Array(data);
    handlers.level(Math.sqrt(samples.reduce((sum, s) => sum + (s / 32768) ** 2, 0) / samples.length));
    if (state.bytes + data.byteLength > longestBytes) return finish();
    blocks.push(data);
    state.bytes += data.byteLength;
    stream.send(data);
  };
  media.getTracks()[0].addEventListener("ended", finish);
  context.createMediaStreamSource(media).connect(capture);
  return {
    async stop() {
      state.full = true;
      end();
      stream.close();
      const rate = context.sampleRate;
      await context.close();
      return new Blob([wavHead(rate, state.bytes), ...blocks], { type: "audio/wav" });
    },
  };
}

/** Return { send, close } of a socket; samples that come before it is open wait for it. */
function openStream(query, handlers) {
  const url = address("v1/stream");
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  url.search = new URLSearchParams(query);
  const socket = new WebSocket(url);
  const early = [];
  let reason = "";
  let open = false;
  socket.onopen = () => {
    open = true;
    for (const block of early.splice(0)) socket.send(block);
  };
  socket.onmessage = ({ data }) => {
    const message = JSON.parse(data);
    if (message.detail) reason = message.detail;
    else handlers.segment(message);
  };
  // a refused stream and a stopped server both end here; the recording goes on
  socket.onclose = () => handlers.offline(reason || t(open ? "microphone.broken" : "microphone.refused"));
  return {
    send(block) {
      if (socket.readyState === WebSocket.CONNECTING) early.push(block);
      else if (socket.readyState === WebSocket.OPEN && socket.bufferedAmount < 1e6) socket.send(block);
    },
    close() {
      socket.onclose = socket.onmessage = null; // the whole recording is predicted next
      socket.close();
    },
  };
}
