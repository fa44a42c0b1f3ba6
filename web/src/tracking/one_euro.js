/**
 * The One-Euro filter: a low-pass whose cutoff grows with speed.
 *
 * Source: G. Casiez, N. Roussel, D. Vogel, "1 Euro Filter: A Simple Speed-based
 * Low-pass Filter for Noisy Input in Interactive Systems", CHI 2012.
 */

/**
 * @typedef {object} Settings
 * @property {number} minCutoff Hz, at rest: lower is steadier.
 * @property {number} beta Hz for each unit a second: higher lags less.
 * @property {number} speedCutoff Hz, of the speed itself.
 */

export class OneEuroFilter {
  /** @param {Settings} settings */
  constructor(settings) {
    this.settings = settings;
    /** @type {{timeS: number, raw: number[], value: number[], speed: number[]}
     *   | null} */
    this.last = null;
  }

  /**
   * @param {number} timeS Seconds, later than the one before.
   * @param {number[]} raw
   * @param {number} unit What 1 of the values is in the speed's unit.
   * @returns {number[]} As many numbers, smoothed.
   */
  filter(timeS, raw, unit = 1) {
    const { last } = this;
    if (last === null || timeS <= last.timeS) {
      const speed = last?.speed ?? raw.map(() => 0);
      const value = last?.value ?? raw;
      this.last = { timeS: last?.timeS ?? timeS, raw, value, speed };
      return value;
    }
    const { minCutoff, beta, speedCutoff } = this.settings;
    const step = timeS - last.timeS;
    const ofSpeed = share(speedCutoff, step);
    const speed = raw.map((v, i) =>
      mixed(last.speed[i], (v - last.raw[i]) / step, ofSpeed),
    );
    const value = raw.map((v, i) => {
      const cutoff = minCutoff + beta * Math.abs(speed[i]) * unit;
      return mixed(last.value[i], v, share(cutoff, step));
    });
    this.last = { timeS, raw, value, speed };
    return value;
  }
}

/**
 * How much a new value counts.
 * @param {number} cutoff Hz
 * @param {number} step Seconds.
 */
function share(cutoff, step) {
  return 1 / (1 + 1 / (2 * Math.PI * cutoff * step));
}

/** @param {number} old @param {number} fresh @param {number} part */
function mixed(old, fresh, part) {
  return part * fresh + (1 - part) * old;
}
