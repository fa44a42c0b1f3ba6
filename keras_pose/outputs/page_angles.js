// Joint angles: a table of those at the present frame, a chart over time.

const MARGIN = { l: 46, r: 10, t: 20, b: 34 }; // page.css has the same
const PANEL_HEIGHT = 112; // px at least, of an angle in the chart, with what is between
const GAP = 0.24; // of it, above, for its name
const LEAST_SPAN = 20; // degrees: less would make a mountain of each tremble
const WIDE = 480; // px of a chart, from which on it has room for explanations

const axisName = (i) => (i ? `y${i + 1}` : "y"); // as Plotly counts
const degrees = (value) => (Number.isNaN(value) ? "–" : `${String(Math.round(value)).replace("-", "−")}°`);

/** What is measured over time: each angle, of both sides or the trunk. */
function measuresOf(recording) {
  const measures = new Map();
  for (const [full, values] of recording.angles) {
    const [, side, key] = full.match(/^(?:(left|right)_)?(.*)$/);
    const { zero, positive, limits: [low, high] } = recording.meanings[key];
    if (!measures.has(key)) {
      measures.set(key, {
        name: key.replaceAll("_", " "), sides: {}, text: degrees, hover: "%{y:.0f}°",
        share: 1, meaning: `0: ${zero}; positive: ${positive}`,
        limits: `${low ? degrees(low) : 0} to ${degrees(high)}`,
        isChosen: /^knee/.test(key),
      });
    }
    measures.get(key).sides[side ?? "centre"] = values;
  }
  const found = [...measures.values()];
  if (found.length && !found.some((measure) => measure.isChosen)) found[0].isChosen = true;
  if (recording.hasTime && recording.hasConfidence) {
    found.push({
      name: "confidence", sides: { centre: recording.meanConfidence }, hover: "%{y:.2f}",
      text: (value) => (Number.isNaN(value) ? "–" : value.toFixed(2)),
      meaning: "of the network, mean of the joints", limits: "0 to 1", range: [0, 1.02], share: 0.6, isChosen: true,
    });
  }
  return found;
}

class Angles {
  constructor(recording, onJump) {
    this.recording = recording;
    this.onJump = onJump;
    this.rows = document.getElementById("angle-rows");
    this.chart = document.getElementById("chart");
    this.cursor = document.getElementById("cursor");
    this.title = document.getElementById("angles-title");
    this.cells = [];
    [this.person] = recording.people;
    this.measures = measuresOf(recording);
    this.buildTable();
    this.explain();
    new ResizeObserver(() => this.drawn && Plotly.Plots.resize(this.chart)).observe(this.chart);
  }

  buildTable() {
    for (const measure of this.measures) {
      const row = this.rows.insertRow();
      row.title = measure.meaning;
      row.insertCell().append(this.recording.hasTime ? this.switchOf(measure) : measure.name);
      for (const side of measure.sides.centre ? ["centre"] : ["left", "right"]) {
        const cell = row.insertCell();
        if (side === "centre") Object.assign(cell, { colSpan: 2, className: "centre" });
        if (measure.sides[side]) this.cells.push([cell, measure, measure.sides[side]]);
      }
    }
  }

  /** Whether a measure is in the chart. */
  switchOf(measure) {
    const label = document.createElement("label");
    const box = document.createElement("input");
    Object.assign(box, { type: "checkbox", checked: measure.isChosen });
    box.setAttribute("aria-label", `${measure.name} in the chart`);
    box.addEventListener("change", () => {
      measure.isChosen = box.checked;
      this.draw();
    });
    label.append(box, measure.name);
    return label;
  }

  /** Says in words what the measures are: a mouse's hints are not for all. */
  explain() {
    const list = document.getElementById("meanings");
    for (const { name, meaning, limits } of this.measures) {
      const [term, text] = ["dt", "dd"].map((tag) => document.createElement(tag));
      term.textContent = name;
      text.textContent = `${meaning}; ${limits}`;
      list.append(term, text);
    }
  }

  show(frame) {
    this.frame = frame;
    const pose = this.recording.poseOf(frame, this.person);
    for (const [cell, { text }, values] of this.cells) {
      cell.textContent = text(pose < 0 ? NaN : values[pose]);
    }
    const isMissing = pose < 0 && this.person;
    this.title.textContent = this.recording.hasTime ? (isMissing ? "Now: not seen" : "Now") : "Joint angles";
    this.moveCursor();
  }

  /**
   * The line at the present time. It lies over the chart: to draw the chart
   * anew for it takes longer than all else that a frame needs.
   */
  moveCursor() {
    if (!this.drawn) return;
    const [from, to] = this.chart.layout.xaxis.range;
    const share = (this.recording.times[this.frame] - from) / (to - from);
    this.cursor.hidden = !(share >= 0 && share <= 1);
    // Of its own width, which is the chart's: nothing has to be measured.
    this.cursor.style.transform = `translateX(${100 * share}%)`;
  }

  /** Of a person's poses, over all frames: null where they are not seen. */
  series(values) {
    const row = new Array(this.recording.length).fill(null);
    for (const pose of this.recording.posesOfPerson.get(this.person) ?? []) {
      if (!Number.isNaN(values[pose])) row[this.recording.poseFrame[pose]] = values[pose];
    }
    return row;
  }

  traces(chosen) {
    const x = Array.from(this.recording.times);
    const theme = themeColours();
    return chosen.flatMap(({ name, sides, hover }, i) => Object.entries(sides).map(([side, values]) => ({
      type: "scatter", mode: "lines", x, y: this.series(values), yaxis: axisName(i),
      name: side === "centre" ? name : `${side} ${name}`, hovertemplate: hover,
      line: { width: 1.8, color: rgb(theme.side(this.recording.colours[side])) },
    })));
  }

  /** An axis, and what it shows, for each measure, one below the other. */
  panels(chosen, traces) {
    const theme = themeColours();
    const layout = { annotations: [] };
    const shares = chosen.reduce((sum, { share }) => sum + share, 0);
    let top = 1;
    const isWide = this.chart.clientWidth >= WIDE;
    chosen.forEach(({ name, meaning, range, share }, i) => {
      const axis = axisName(i);
      const height = share / shares;
      const values = traces.filter((trace) => trace.yaxis === axis).flatMap((trace) => trace.y.filter((y) => y !== null));
      layout[axis.replace("y", "yaxis")] = {
        domain: [Math.max(0, top - height + GAP / shares), top], range: range ?? spanOf(values), fixedrange: true, nticks: 4,
        gridcolor: theme.line, zerolinecolor: theme.faint, ticksuffix: range ? "" : "°",
      };
      layout.annotations.push({
        text: `<b>${name}</b>${isWide ? ` ${meaning}` : ""}`, showarrow: false, font: { color: theme.faint },
        xref: "paper", yref: "paper", x: 0, y: top, xanchor: "left", yanchor: "bottom",
      });
      top -= height;
    });
    return layout;
  }

  async draw() {
    if (!this.recording.hasTime) return;
    const theme = themeColours();
    const { times, people } = this.recording;
    const chosen = this.measures.filter((measure) => measure.isChosen);
    const traces = this.traces(chosen);
    document.getElementById("chart-title").textContent = people.length > 1
      ? `Joint angles of person ${this.person} over time` : "Joint angles over time";
    this.chart.parentElement.style.minHeight = `${MARGIN.t + MARGIN.b + PANEL_HEIGHT * chosen.reduce((sum, { share }) => sum + share, 0)}px`;
    await Plotly.react(this.chart, traces, {
      margin: MARGIN,
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      font: { family: "system-ui, sans-serif", size: 11, color: theme.ink },
      hovermode: "x unified", hoversubplots: "axis", hoverdistance: -1, dragmode: "zoom",
      showlegend: false, uirevision: "keep",
      hoverlabel: { bgcolor: rgb(theme.card), font: { color: theme.ink } },
      xaxis: { title: { text: "seconds", standoff: 4 }, range: [times[0], times[times.length - 1]],
        gridcolor: theme.line, zeroline: false, hoverformat: ".2f", anchor: traces.at(-1)?.yaxis ?? "y" },
      ...this.panels(chosen, traces),
    }, { responsive: true, displayModeBar: false });
    this.chart.setAttribute("aria-label", `Joint angles of person ${this.person} over time`);
    if (!this.drawn) {
      this.chart.on("plotly_click", (event) => this.onJump(event.points[0].x));
      for (const event of ["plotly_relayout", "plotly_afterplot"]) this.chart.on(event, () => this.moveCursor());
    }
    this.drawn = true;
    this.moveCursor();
  }
}

/** From the lowest to the highest, and a little more. */
function spanOf(values) {
  const [low, high] = values.reduce(([a, b], y) => [Math.min(a, y), Math.max(b, y)], [Infinity, -Infinity]);
  if (low > high) return [0, LEAST_SPAN];
  const half = Math.max(LEAST_SPAN, 1.1 * (high - low)) / 2;
  return [(low + high) / 2 - half, (low + high) / 2 + half];
}
