/** The 3D view, which is turned with the mouse, a finger or the keyboard. */

import { orbitAround } from "../drawing/projection.js";
import { drawScene } from "../drawing/scene.js";
import { fitted } from "./screen.js";

const TURN = 0.01; // rad for each px
const KEY_TURN = 0.12; // rad
const ZOOM = 1.15;
const STEEPEST = 1.5; // rad
const SLOWLY = 0.1; // of the way, each frame

export class View3D {
  /**
   * @param {HTMLCanvasElement} canvas
   * @param {import("./session.js").Session} session
   */
  constructor(canvas, session) {
    this.canvas = canvas;
    this.session = session;
    /** @type {import("../drawing/projection.js").Orbit | null} */
    this.orbit = null;
    this.nearness = 1; // what the user made of the distance
    /** @type {Map<number, {x: number, y: number}>} */
    this.pointers = new Map();
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      this.pointers.set(event.pointerId, {
        x: event.clientX,
        y: event.clientY,
      });
    });
    canvas.addEventListener("pointermove", (event) => this.move(event));
    for (const end of /** @type {const} */ (["pointerup", "pointercancel"])) {
      canvas.addEventListener(end, (event) =>
        this.pointers.delete(event.pointerId),
      );
    }
    canvas.addEventListener(
      "wheel",
      (event) => {
        this.zoom(event.deltaY > 0 ? ZOOM : 1 / ZOOM);
        event.preventDefault();
      },
      { passive: false },
    );
    canvas.addEventListener("keydown", (event) => this.press(event));
    new ResizeObserver(() => this.draw()).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () =>
      this.draw(),
    );
  }

  /**
   * Finds the people anew; direction and zoom stay the user's.
   * @param {boolean} isVideo Whether to go there slowly, as a cameraman does.
   */
  aim(isVideo) {
    const points = this.points();
    if (points.length === 0) return;
    const wanted = orbitAround(points);
    if (this.orbit === null) {
      this.orbit = wanted;
      this.nearness = 1;
    }
    const part = isVideo ? SLOWLY : 1;
    const { target, distance } = this.orbit;
    this.orbit.target = target.map(
      (v, axis) => v + part * (wanted.target[axis] - v),
    );
    this.orbit.distance += part * (wanted.distance * this.nearness - distance);
  }

  points() {
    const people = this.session.poses?.people ?? [];
    return people.flatMap((pose) => pose.jointsCameraMm);
  }

  draw() {
    const { context, width, height } = fitted(this.canvas);
    const { poses } = this.session;
    if (poses === null || this.orbit === null) {
      context.clearRect(0, 0, width, height);
      return;
    }
    drawScene(context, width, height, poses, this.orbit, {
      isDark: matchMedia("(prefers-color-scheme: dark)").matches,
      ink: getComputedStyle(this.canvas).color,
    });
  }

  /** @param {PointerEvent} event */
  move(event) {
    const last = this.pointers.get(event.pointerId);
    if (last === undefined) return;
    const now = { x: event.clientX, y: event.clientY };
    const other = [...this.pointers].find(
      ([id]) => id !== event.pointerId,
    )?.[1];
    this.pointers.set(event.pointerId, now);
    if (other === undefined) {
      this.turn(TURN * (now.x - last.x), TURN * (now.y - last.y));
      return;
    }
    const [before, after] = [last, now].map((point) =>
      Math.hypot(point.x - other.x, point.y - other.y),
    );
    if (after > 0) this.zoom(before / after);
  }

  /** @param {KeyboardEvent} event */
  press(event) {
    const actions = {
      ArrowLeft: () => this.turn(-KEY_TURN, 0),
      ArrowRight: () => this.turn(KEY_TURN, 0),
      ArrowUp: () => this.turn(0, -KEY_TURN),
      ArrowDown: () => this.turn(0, KEY_TURN),
      "+": () => this.zoom(1 / ZOOM),
      "-": () => this.zoom(ZOOM),
    };
    const action = actions[/** @type {keyof typeof actions} */ (event.key)];
    if (action === undefined) return;
    action();
    event.preventDefault();
  }

  /** @param {number} yaw rad @param {number} pitch rad */
  turn(yaw, pitch) {
    if (this.orbit === null) return;
    this.orbit.yaw += yaw;
    this.orbit.pitch = Math.min(
      STEEPEST,
      Math.max(-STEEPEST, this.orbit.pitch + pitch),
    );
    this.draw();
  }

  /** @param {number} factor Of the distance. */
  zoom(factor) {
    if (this.orbit === null) return;
    this.orbit.distance *= factor;
    this.nearness *= factor;
    this.draw();
  }
}
