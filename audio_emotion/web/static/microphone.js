// The microphone: its sound goes to /v1/stream as it comes, and is kept to be heard as a whole at the end.

/** Begin; give a function that ends and returns the recording as a WAV blob. Handlers: level, segment, problem. */
export async function listen(model, longestBytes, handlers) {
  if (!navigator.mediaDevices) throw new Error("a browser gives the microphone to https:// and localhost alone");
  const media = await navigator.mediaDevices.getUserMedia({
    audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false },
  });
  const context = new AudioContext();
  await context.audioWorklet.addModule("/static/capture.js");
  const socket = await opened(model, context.sampleRate, handlers).catch((error) => {
    media.getTracks().forEach((track) => track.stop());
    context.close();
    throw error;
  });
  const capture = new AudioWorkletNode(context, "capture", { numberOfOutputs: 0 });
  const [kept, state] = [[], { bytes: 0, full: false }];
  capture.port.onmessage = ({ data }) => {
    const samples = new Int16Array(data);
    handlers.level(Math.sqrt(samples.reduce((sum, s) => sum + (s / 32768) ** 2, 0) / samples.length));
    if (socket.readyState === WebSocket.OPEN && socket.bufferedAmount < 1e6) socket.send(data);
    if (state.bytes + data.byteLength <= longestBytes) {
      kept.push(data);
      state.bytes += data.byteLength;
    } else if (!state.full) {
      state.full = true;
      handlers.full();
    }
  };
  context.createMediaStreamSource(media).connect(capture);
  return async () => {
    media.getTracks().forEach((track) => track.stop());
    [socket.onmessage, socket.onerror] = [null, null]; // the whole is heard again
    socket.close();
    await context.close();
    return new Blob([wavHead(context.sampleRate, state.bytes), ...kept], { type: "audio/wav" });
  };
}

/** Give a socket that takes sound: what is kept is then all that is sent. */
function opened(model, rate, handlers) {
  const address = new URL("/v1/stream", location.href);
  address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
  address.search = new URLSearchParams({ sampling_rate: rate, hop: 0.5, model });
  const socket = new WebSocket(address);
  socket.onmessage = ({ data }) => {
    const told = JSON.parse(data);
    if (told.detail) handlers.problem(told.detail);
    else handlers.segment(told);
  };
  return new Promise((resolve, reject) => {
    socket.onopen = () => {
      socket.onerror = () => handlers.problem("The stream broke off.");
      resolve(socket);
    };
    socket.onerror = () => reject(new Error("no stream could be opened, perhaps because too many are"));
  });
}

function wavHead(rate, nBytes) {
  const view = new DataView(new ArrayBuffer(44));
  const word = (at, text) => [...text].forEach((c, i) => view.setUint8(at + i, c.charCodeAt(0)));
  word(0, "RIFF");
  view.setUint32(4, 36 + nBytes, true);
  word(8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true);
  view.setUint16(22, 1, true);
  view.setUint32(24, rate, true);
  view.setUint32(28, 2 * rate, true);
  view.setUint16(32, 2, true);
  view.setUint16(34, 16, true);
  word(36, "data");
  view.setUint32(40, nBytes, true);
  return view.buffer;
}
