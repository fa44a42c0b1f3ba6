/** Canvases as sharp as the screen. */

/**
 * Makes a canvas as fine as the screen.
 * @param {HTMLCanvasElement} canvas
 * @returns {{context: CanvasRenderingContext2D, width: number,
 *   height: number}} A context in px of the page, and the canvas's size.
 */
export function fitted(canvas) {
  const { clientWidth: width, clientHeight: height } = canvas;
  const fineness = window.devicePixelRatio;
  const [fineWidth, fineHeight] = [width, height].map((side) =>
    Math.max(1, Math.round(side * fineness)),
  );
  if (canvas.width !== fineWidth || canvas.height !== fineHeight) {
    canvas.width = fineWidth;
    canvas.height = fineHeight;
  }
  const context = canvas.getContext("2d");
  if (context === null) throw new Error("This browser draws no pictures.");
  context.setTransform(fineness, 0, 0, fineness, 0, 0);
  return { context, width, height };
}
