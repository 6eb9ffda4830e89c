// The lanes of a conversation: one for each speaker, below one with the picture of the recording.
import { t } from "./i18n.js";
import { overall } from "./merge.js";

/** Return lanes ({ name, answer, segments, overview, kind }) of a result whose segments are turns. */
export function conversationLanes({ answer, segments, overviews }, prefix) {
  const [, whole] = Object.entries(overviews).find(([channel]) => channel === "") ?? [];
  const groups = new Map();
  for (const turn of segments) {
    const key = JSON.stringify([turn.speaker ?? "", turn.channel ?? null]);
    if (!groups.has(key)) groups.set(key, []);
    groups.get(key).push(turn);
  }
  const names = [...groups.values()].map(([turn]) => turn.speaker ?? "");
  const pictured = new Set(); // channels whose waveform is shown, by the first of their speakers
  const speakers = [...groups.values()].map((turns) => {
    const channel = turns[0].channel ?? "";
    const overview = channel !== "" && !pictured.has(channel) ? overviews[channel] : null;
    pictured.add(channel);
    return { name: prefix + speakerName(turns[0], names), answer: overall(turns, answer), segments: turns, overview, kind: "turns" };
  });
  return [{ name: prefix + t("result.everyone"), answer, segments, overview: whole, kind: "whole" }, ...speakers];
}

function speakerName({ speaker = "", channel }, names) {
  if (!speaker) return channel == null ? t("result.unnamed") : t("time.channel", { number: channel });
  const ambiguous = names.filter((name) => name === speaker).length > 1 && channel != null;
  return ambiguous ? `${speaker} (${channel})` : speaker;
}
