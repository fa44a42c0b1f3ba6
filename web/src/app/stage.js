/** The picture with its poses, on which boxes are drawn and moved. */

import { drawMarks, drawPoses, HANDLE } from "../drawing/overlay.js";
import { WHOLE } from "../tracking/track.js";
import { LOOKED_FOR } from "./results.js";
import { fitted } from "./screen.js";

const LEAST_DRAG = 8; // px of the screen: less is a click
const KEY_STEP = 8; // px of the screen

/**
 * @typedef {import("../geometry/crop.js").Box} Box
 * @typedef {{action: "draw" | "move" | "resize", from: number[], box: Box,
 *   isMoving: boolean}} Drag
 */

export class Stage {
  /**
   * @param {HTMLCanvasElement} canvas
   * @param {import("./session.js").Session} session
   * @param {{onChange: () => void}} events After boxes changed, or which one is
   *   chosen.
   */
  constructor(canvas, session, { onChange }) {
    this.canvas = canvas;
    this.session = session;
    this.onChange = onChange;
    this.chosen = 0; // number of a person
    /** @type {Drag | null} */
    this.drag = null;
    canvas.addEventListener("pointerdown", (event) => this.begin(event));
    canvas.addEventListener("pointermove", (event) => this.move(event));
    canvas.addEventListener("pointerup", () => this.end());
    canvas.addEventListener("pointercancel", () => this.end());
    canvas.addEventListener("keydown", (event) => this.press(event));
    new ResizeObserver(() => this.draw()).observe(canvas);
  }

  draw() {
    const { frame, poses, people } = this.session;
    const { context, width, height } = fitted(this.canvas);
    context.clearRect(0, 0, width, height);
    if (frame === null) return;
    const { scale, left, top } = this.layout(width, height);
    context.save();
    context.translate(left, top);
    context.scale(scale, scale);
    context.drawImage(frame.image, 0, 0);
    context.beginPath();
    context.rect(0, 0, frame.width, frame.height);
    context.clip();
    if (poses !== null) drawPoses(context, poses);
    const marks = people
      .filter(({ boxFrom }) => boxFrom !== WHOLE)
      .map(({ box, person, isLost }) => ({
        box,
        label: isLost ? `${person}, ${LOOKED_FOR}` : `${person}`,
        isChosen: person === this.chosen,
      }));
    drawMarks(context, marks, 1 / scale);
    context.restore();
  }

  /**
   * Where the picture is on the canvas.
   * @param {number} width Of the canvas, px of the screen.
   * @param {number} height Of the canvas, px of the screen.
   */
  layout(width, height) {
    const { frame } = this.session;
    if (frame === null) return { scale: 1, left: 0, top: 0 };
    const scale = Math.min(width / frame.width, height / frame.height);
    return {
      scale,
      left: (width - scale * frame.width) / 2,
      top: (height - scale * frame.height) / 2,
    };
  }

  /** Chooses a person's box; 0 chooses none. @param {number} person */
  choose(person) {
    this.chosen = person;
    this.onChange();
    this.draw();
  }

  /** Adds a box in the middle, for those who do not drag. */
  add() {
    const { frame } = this.session;
    if (frame === null) return;
    const { width, height } = frame;
    const box = [width / 3, height / 6, width / 3, (height * 2) / 3];
    this.choose(this.session.addPerson(/** @type {Box} */ (box)));
    this.canvas.focus();
    this.changed();
  }

  /** The person whose box is chosen, if they are still there. */
  chosenPerson() {
    return this.session.people.find(
      ({ person, boxFrom }) => person === this.chosen && boxFrom !== WHOLE,
    );
  }

  remove() {
    if (this.chosenPerson() === undefined) return;
    this.session.removePerson(this.chosen);
    this.choose(0);
    this.changed();
  }

  changed() {
    this.draw();
    void this.session.revise();
  }

  /** @param {PointerEvent} event */
  begin(event) {
    if (this.session.frame === null || event.button !== 0) return;
    this.canvas.setPointerCapture(event.pointerId);
    const at = this.pointOf(event);
    const hit = this.hit(at);
    const box = hit?.box ?? /** @type {Box} */ ([at[0], at[1], 0, 0]);
    this.choose(hit?.person ?? 0);
    const action = hit?.action ?? "draw";
    this.drag = { action, from: at, box, isMoving: false };
  }

  /** @param {PointerEvent} event */
  move(event) {
    const at = this.pointOf(event);
    const { drag } = this;
    if (drag === null) {
      const action = this.hit(at)?.action;
      const cursors = { move: "move", resize: "nwse-resize" };
      this.canvas.style.cursor = action ? cursors[action] : "crosshair";
      return;
    }
    const [dx, dy] = at.map((v, axis) => v - drag.from[axis]);
    if (!drag.isMoving) {
      if (Math.hypot(dx, dy) < LEAST_DRAG * this.unit()) return;
      drag.isMoving = true;
      this.session.isEditing = true;
      if (drag.action === "draw") {
        this.chosen = this.session.addPerson(drag.box);
        this.onChange();
      }
    }
    this.session.moveBox(this.chosen, this.dragged(drag, dx, dy));
    this.changed();
  }

  end() {
    const hasDrawn = this.drag?.action === "draw" && this.drag.isMoving;
    this.drag = null;
    this.session.isEditing = false;
    if (!hasDrawn) return;
    this.session.settle(this.chosen);
    this.changed();
  }

  /**
   * A box as it has been dragged.
   * @param {Drag} drag
   * @param {number} dx px of the picture
   * @param {number} dy px of the picture
   * @returns {Box}
   */
  dragged({ action, box }, dx, dy) {
    const [x, y, width, height] = box;
    if (action === "move") return [x + dx, y + dy, width, height];
    const [newWidth, newHeight] = [width + dx, height + dy];
    const least = 2 * this.unit();
    return [
      Math.min(x, x + newWidth),
      Math.min(y, y + newHeight),
      Math.max(Math.abs(newWidth), least),
      Math.max(Math.abs(newHeight), least),
    ];
  }

  /** @param {KeyboardEvent} event */
  press(event) {
    const steps = {
      ArrowLeft: [-1, 0],
      ArrowRight: [1, 0],
      ArrowUp: [0, -1],
      ArrowDown: [0, 1],
    };
    const step = steps[/** @type {keyof typeof steps} */ (event.key)];
    const chosen = this.chosenPerson();
    if (step !== undefined && chosen !== undefined) {
      const [dx, dy] = step.map((v) => v * KEY_STEP * this.unit());
      const { box } = chosen;
      /** @type {Drag["action"]} */
      const action = event.shiftKey ? "resize" : "move";
      const drag = { action, from: [0, 0], box, isMoving: true };
      this.session.moveBox(this.chosen, this.dragged(drag, dx, dy));
      this.changed();
    } else if (event.key === "Delete" || event.key === "Backspace") {
      this.remove();
    } else if (event.key === "Enter") {
      this.add();
    } else {
      return;
    }
    event.preventDefault();
  }

  /**
   * Whose box is under a point; the chosen one's handle comes first.
   * @param {number[]} point px of the picture
   * @returns {{person: number, box: Box, action: "move" | "resize"} | null}
   */
  hit([px, py]) {
    const chosen = this.chosenPerson();
    if (chosen !== undefined) {
      const [x, y, width, height] = chosen.box;
      if (Math.hypot(px - x - width, py - y - height) < HANDLE * this.unit()) {
        return { ...chosen, action: "resize" };
      }
    }
    const hit = this.session.people.find(({ box, boxFrom }) => {
      const [x, y, width, height] = box;
      const inside = px > x && py > y && px < x + width && py < y + height;
      return inside && boxFrom !== WHOLE;
    });
    return hit === undefined ? null : { ...hit, action: "move" };
  }

  /** Pixels of the picture for one of the screen. */
  unit() {
    const { clientWidth, clientHeight } = this.canvas;
    return 1 / this.layout(clientWidth, clientHeight).scale;
  }

  /** @param {PointerEvent} event @returns {number[]} px of the picture */
  pointOf(event) {
    const bounds = this.canvas.getBoundingClientRect();
    const { scale, left, top } = this.layout(
      this.canvas.clientWidth,
      this.canvas.clientHeight,
    );
    return [
      (event.clientX - bounds.left - left) / scale,
      (event.clientY - bounds.top - top) / scale,
    ];
  }
}
