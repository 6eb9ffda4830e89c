// Playback: of the whole, or of one segment up to its end.
const EPSILON_S = 0.02; // less than this before a segment's end counts as its end

/** Return what drives an audio element; follow(seconds, playing) is called while it plays and after a seek. */
export function createPlayer(audio, follow) {
  let stopAt = null;
  let ownSeek = false;
  let frame = 0;

  function tick() {
    cancelAnimationFrame(frame);
    if (stopAt !== null && audio.currentTime >= stopAt - EPSILON_S) {
      audio.pause();
      stopAt = null;
    }
    follow(audio.currentTime, !audio.paused);
    if (!audio.paused) frame = requestAnimationFrame(tick);
  }

  function seek(seconds) {
    ownSeek = true;
    audio.currentTime = seconds;
  }

  audio.addEventListener("play", tick);
  audio.addEventListener("timeupdate", tick);
  audio.addEventListener("seeking", () => {
    if (!ownSeek) stopAt = null; // the listener moved on
    ownSeek = false;
  });
  audio.addEventListener("seeked", tick);
  return {
    load(blob) {
      stopAt = null;
      URL.revokeObjectURL(audio.src);
      audio.src = URL.createObjectURL(blob);
    },
    unload() {
      audio.pause();
      URL.revokeObjectURL(audio.src);
      audio.removeAttribute("src");
      audio.load();
    },
    /** Play from a second on, up to `end` if that is given. */
    play(start, end = null) {
      seek(start);
      stopAt = end;
      audio.play().catch(() => {});
    },
    seek(seconds) {
      stopAt = null;
      seek(seconds);
    },
    toggle() {
      if (audio.paused) audio.play().catch(() => {});
      else audio.pause();
    },
    pause: () => audio.pause(),
  };
}
