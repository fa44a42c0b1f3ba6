/** The pixels of bitmaps. */

/** Holds one picture at a time: each that is taken replaces the one before. */
export class PictureBuffer {
  constructor() {
    this.canvas = new OffscreenCanvas(1, 1);
    const context = this.canvas.getContext("2d", { willReadFrequently: true });
    if (context === null) throw new Error("This browser reads no pictures.");
    this.context = context;
  }

  /**
   * @param {ImageBitmap} bitmap
   * @returns {import("./cropping.js").Picture}
   */
  take(bitmap) {
    const { canvas, context } = this;
    const { width, height } = bitmap;
    // This clears it too.
    [canvas.width, canvas.height] = [width, height];
    context.drawImage(bitmap, 0, 0);
    return {
      width,
      height,
      read: (x, y, partWidth, partHeight) =>
        context.getImageData(x, y, partWidth, partHeight).data,
    };
  }
}
