// Runs in the audio thread: hands over blocks of 16-bit samples, mixed to one channel.
class Capture extends AudioWorkletProcessor {
  constructor() {
    super();
    this.block = new Int16Array(Math.round(sampleRate / 20));
    this.filled = 0;
  }

  process([channels]) {
    for (let i = 0; channels.length && i < channels[0].length; i += 1) {
      let sample = 0;
      for (const channel of channels) sample += channel[i] / channels.length;
      this.block[this.filled] = Math.max(-32768, Math.min(32767, Math.round(sample * 32768)));
      this.filled += 1;
      if (this.filled === this.block.length) {
        this.port.postMessage(this.block.slice().buffer);
        this.filled = 0;
      }
    }
    return true;
  }
}

registerProcessor("capture", Capture);
