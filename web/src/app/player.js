/** Plays a video or the camera, frame by frame through the network. */

import { FrameBuffer } from "./pictures.js";

export class Player {
  /**
   * @param {(frame: import("./pictures.js").Frame, timeS: number) =>
   *   Promise<void>} onFrame The next frame is the newest when it is through.
   * @param {(error: unknown) => void} onFault
   */
  constructor(onFrame, onFault) {
    this.onFrame = onFrame;
    this.onFault = onFault;
    /** @type {HTMLVideoElement | null} */
    this.video = null;
    this.buffer = new FrameBuffer();
  }

  /**
   * @param {Blob} file
   * @returns {Promise<void>} When its first frame is there.
   * @throws {Error} A sentence.
   */
  async open(file) {
    const video = this.fresh();
    video.src = URL.createObjectURL(file);
    video.loop = true;
    await this.start(video, "This browser cannot play the file as a video.");
  }

  /**
   * @returns {Promise<void>}
   * @throws {Error} A sentence.
   */
  async openCamera() {
    if (!navigator.mediaDevices?.getUserMedia) {
      throw new Error(
        "The camera is there only on pages that came over https or from " +
          "localhost.",
      );
    }
    let stream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({ video: true });
    } catch (error) {
      const name = error instanceof DOMException ? error.name : "";
      throw new Error(REFUSALS[name] ?? REFUSALS.other, { cause: error });
    }
    const video = this.fresh();
    video.srcObject = stream;
    await this.start(video, REFUSALS.other);
  }

  /** Stops, and gives the camera back. */
  close() {
    const { video } = this;
    this.video = null;
    if (video === null) return;
    video.pause();
    if (video.srcObject instanceof MediaStream) {
      for (const track of video.srcObject.getTracks()) track.stop();
    } else {
      URL.revokeObjectURL(video.src);
    }
  }

  fresh() {
    this.close();
    const video = document.createElement("video");
    video.muted = true;
    video.playsInline = true;
    this.video = video;
    return video;
  }

  /** @param {HTMLVideoElement} video @param {string} refusal */
  async start(video, refusal) {
    try {
      await video.play();
    } catch (error) {
      if (this.video !== video) return; // another was opened meanwhile
      this.close();
      throw new Error(refusal, { cause: error });
    }
    if (video.videoWidth === 0) {
      this.close();
      throw new Error("The file holds sound, but no picture.");
    }
    void this.run(video);
  }

  /** @param {HTMLVideoElement} video */
  async run(video) {
    while (this.video === video) {
      const timeS = await nextFrame(video);
      if (this.video !== video) return;
      const { videoWidth: width, videoHeight: height } = video;
      try {
        await this.onFrame(this.buffer.take(video, width, height), timeS);
      } catch (error) {
        video.pause();
        this.onFault(error);
      }
    }
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

/**
 * Waits for the next frame that is shown.
 * @param {HTMLVideoElement} video
 * @returns {Promise<number>} Its time, seconds.
 */
function nextFrame(video) {
  return new Promise((resolve) => {
    video.requestVideoFrameCallback((_, { mediaTime }) => resolve(mediaTime));
  });
}
