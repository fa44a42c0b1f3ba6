/** Plays a video or the camera, frame by frame through the network. */

import { frameOf } from "./pictures.js";

/**
 * Opens a video.
 * @param {Blob} file
 * @returns {Promise<HTMLVideoElement>} It plays.
 * @throws {Error} A sentence.
 */
export async function openVideo(file) {
  const video = freshVideo();
  video.src = URL.createObjectURL(file);
  video.loop = true;
  await begin(
    video,
    "This browser cannot play the file as a video. Most browsers play MP4 " +
      "with H.264, and WebM.",
  );
  return video;
}

/**
 * Opens the camera.
 * @returns {Promise<HTMLVideoElement>} It plays.
 * @throws {Error} A sentence.
 */
export async function openCamera() {
  if (!navigator.mediaDevices?.getUserMedia) {
    throw new Error(
      "The camera is there only on pages that came over https or from " +
        "localhost.",
    );
  }
  const video = freshVideo();
  try {
    video.srcObject = await navigator.mediaDevices.getUserMedia({
      video: true,
    });
  } catch (error) {
    const name = error instanceof DOMException ? error.name : "";
    throw new Error(REFUSALS[name] ?? REFUSALS.other, { cause: error });
  }
  await begin(video, REFUSALS.other);
  return video;
}

/**
 * Stops a video, or gives the camera back.
 * @param {HTMLVideoElement} video
 */
export function closeVideo(video) {
  video.pause();
  if (video.srcObject instanceof MediaStream) {
    for (const track of video.srcObject.getTracks()) track.stop();
  } else {
    URL.revokeObjectURL(video.src);
  }
}

export class Player {
  /**
   * @param {(frame: import("./pictures.js").Frame, timeS: number) =>
   *   Promise<void>} onFrame Those that come before it is through are left out,
   *   but for the one at which the video is paused.
   * @param {(error: unknown) => void} onFault
   */
  constructor(onFrame, onFault) {
    this.onFrame = onFrame;
    this.onFault = onFault;
    /** @type {HTMLVideoElement | null} */
    this.video = null;
    this.isBusy = false;
    /** @type {number | null} */
    this.missedS = null; // time of the last frame, where it was left out
  }

  /**
   * Shows a video from now on.
   * @param {HTMLVideoElement} video It is closed with the player.
   */
  play(video) {
    this.close();
    this.video = video;
    /** @type {VideoFrameRequestCallback} */
    const onShown = (_, { mediaTime }) => {
      if (this.video !== video) return;
      video.requestVideoFrameCallback(onShown);
      this.missedS = mediaTime;
      if (!this.isBusy) void this.take(video);
    };
    video.requestVideoFrameCallback(onShown);
    video.addEventListener("pause", () => this.catchUp(video));
  }

  close() {
    if (this.video !== null) closeVideo(this.video);
    this.video = null;
    this.missedS = null;
  }

  /**
   * Takes the frame that a video shows, the last one.
   * @param {HTMLVideoElement} video
   */
  async take(video) {
    const timeS = /** @type {number} */ (this.missedS);
    this.missedS = null;
    this.isBusy = true;
    try {
      const image = await createImageBitmap(video);
      if (this.video === video) await this.onFrame(frameOf(image), timeS);
      else image.close();
    } catch (error) {
      video.pause();
      this.onFault(error);
    } finally {
      this.isBusy = false;
    }
    this.catchUp(video);
  }

  /**
   * A video that stands still shows no other frame in place of a missed one.
   * @param {HTMLVideoElement} video
   */
  catchUp(video) {
    const isOver = this.video !== video || !video.paused;
    if (!isOver && !this.isBusy && this.missedS !== null) void this.take(video);
  }
}

function freshVideo() {
  const video = document.createElement("video");
  video.muted = true;
  video.playsInline = true;
  return video;
}

/**
 * Plays a video, unless it is none.
 * @param {HTMLVideoElement} video
 * @param {string} refusal
 */
async function begin(video, refusal) {
  try {
    await video.play();
  } catch (error) {
    closeVideo(video);
    throw new Error(refusal, { cause: error });
  }
  if (video.videoWidth === 0) {
    closeVideo(video);
    throw new Error("The file holds sound, but no picture.");
  }
}

/** @type {Record<string, string>} */
const REFUSALS = {
  NotAllowedError:
    "The browser may not use the camera. Allow it in the address bar, and " +
    "press Camera again.",
  NotFoundError: "There is no camera on this device.",
  NotReadableError: "Another program is using the camera.",
  other: "The camera cannot be used.",
};
