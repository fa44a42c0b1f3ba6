/** Pictures of files, videos and cameras, as pixels that Python would see. */

const MOST_PIXELS = 89_478_485; // as in Python

/**
 * @typedef {import("../image/cropping.js").Picture & {canvas:
 *   OffscreenCanvas}} Frame A picture that can be drawn too.
 */

/**
 * Decodes a photo, turned upright and with its colours untouched.
 * @param {Blob} file
 * @returns {Promise<Frame>}
 * @throws {Error} A sentence.
 */
export async function decodePhoto(file) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(file, {
      colorSpaceConversion: "none",
      imageOrientation: "from-image",
      premultiplyAlpha: "none",
    });
  } catch (error) {
    throw new Error("This browser cannot read the file as a picture.", {
      cause: error,
    });
  }
  if (bitmap.width * bitmap.height > MOST_PIXELS) {
    throw new Error(`A picture must have at most ${MOST_PIXELS} pixels.`);
  }
  const frame = new FrameBuffer().take(bitmap, bitmap.width, bitmap.height);
  bitmap.close();
  return frame;
}

/** Holds one frame at a time: each that is taken replaces the one before. */
export class FrameBuffer {
  constructor() {
    this.canvas = new OffscreenCanvas(1, 1);
    const context = this.canvas.getContext("2d", { willReadFrequently: true });
    if (context === null) throw new Error("This browser draws no pictures.");
    this.context = context;
  }

  /**
   * @param {CanvasImageSource} source
   * @param {number} width px
   * @param {number} height px
   * @returns {Frame}
   */
  take(source, width, height) {
    if (this.canvas.width !== width || this.canvas.height !== height) {
      this.canvas.width = width;
      this.canvas.height = height;
    }
    this.context.drawImage(source, 0, 0, width, height);
    const { canvas, context } = this;
    return {
      width,
      height,
      canvas,
      read: (x, y, partWidth, partHeight) =>
        context.getImageData(x, y, partWidth, partHeight).data,
    };
  }
}
