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
 * @property {number} slopeCutoff Hz, of the speed itself.
 */

export class OneEuroFilter {
  /** @param {Settings} settings */
  constructor(settings) {
    this.settings = settings;
    /** @type {{timeS: number, raw: number[], value: number[], slope: number[]}
     *   | null} */
    this.last = null;
  }

  /**
   * @param {number} timeS Seconds, later than the one before.
   * @param {number[]} raw
   * @returns {number[]} As many numbers, smoothed.
   */
  filter(timeS, raw) {
    const { last } = this;
    if (last === null || timeS <= last.timeS) {
      const slope = last?.slope ?? raw.map(() => 0);
      const value = last?.value ?? raw;
      this.last = { timeS: last?.timeS ?? timeS, raw, value, slope };
      return value;
    }
    const { minCutoff, beta, slopeCutoff } = this.settings;
    const step = timeS - last.timeS;
    const ofSlope = share(slopeCutoff, step);
    const slope = raw.map((v, i) =>
      mixed(last.slope[i], (v - last.raw[i]) / step, ofSlope),
    );
    const value = raw.map((v, i) =>
      mixed(
        last.value[i],
        v,
        share(minCutoff + beta * Math.abs(slope[i]), step),
      ),
    );
    this.last = { timeS, raw, value, slope };
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
