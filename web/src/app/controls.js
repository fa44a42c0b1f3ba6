/** What the page says and offers around its two views. */

import { WHOLE } from "../tracking/track.js";

/** @param {string} id @returns {any} */
export const element = (id) => document.getElementById(id);

/**
 * Shows a sentence until the next one.
 * @param {string} text Nothing hides it.
 * @param {boolean} isFault
 */
export function say(text, isFault = false) {
  const message = element("message");
  message.textContent = text;
  message.classList.toggle("is-fault", isFault);
  message.hidden = text === "";
}

/**
 * Offers what can be done now.
 * @param {import("./session.js").Session} session
 * @param {import("./stage.js").Stage} stage
 * @param {import("./player.js").Player} player
 */
export function showState(session, stage, { video }) {
  const { frame, network, people, poses, recording, source } = session;
  for (const id of ["add-box", "whole-image"]) {
    element(id).disabled = frame === null;
  }
  element("remove-box").disabled = stage.chosenPerson() === undefined;
  element("save-json").disabled = recording.frames.size === 0;
  element("save-png").disabled = poses === null;
  element("stage-empty").hidden = frame !== null;
  const isWhole = people.some(({ boxFrom }) => boxFrom === WHOLE);
  element("stage-hint").hidden = poses === null || !isWhole;
  const isLooking =
    poses?.people.length === 0 && people.some(({ isLost }) => isLost);
  element("scene-empty").hidden = poses !== null && !isLooking;
  element("scene-empty").textContent =
    frame && network
      ? "Looking for the pose …"
      : "Here the pose can be turned.";
  element("player").hidden = video === null;
  element("seek").hidden = source.kind !== "video";
  element("pause").textContent = video?.paused ? "Play" : "Pause";
}

/** Where a video is. @param {HTMLVideoElement | null} video */
export function showPlace(video) {
  if (video === null || !Number.isFinite(video.duration)) return;
  element("seek").value = video.currentTime / video.duration;
}

/** @param {number} degrees @param {string} from */
export function showFieldOfView(degrees, from) {
  element("field-of-view").value = degrees;
  const said = from === "given" ? "" : `, ${from}`;
  element("field-of-view-said").textContent =
    `${Math.round(degrees)}° across the longer side${said}`;
}
