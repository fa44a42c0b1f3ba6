// Joint angles: a table of those at the present frame, a chart over time.

// Lengths of strokes and gaps, px: one for each measure, by turns.
const DASHES = ["none", "7 4", "2 3", "7 3 2 3", "12 4", "12 3 2 3 2 3"];
const MARGIN = { l: 46, r: 10, t: 6, b: 34 };

/** "left_knee_flexion" -> ["left", "knee flexion"]. */
function sideAndMeasure(name) {
  const [, side, measure] = name.match(/^(?:(left|right)_)?(.*)$/);
  return [side ?? "centre", measure.replaceAll("_", " ")];
}

class Angles {
  constructor(recording, onJump) {
    this.recording = recording;
    this.onJump = onJump;
    this.rows = document.getElementById("angle-rows");
    this.chart = document.getElementById("chart");
    this.cursor = document.getElementById("cursor");
    this.cells = new Map();
    this.person = recording.people[0];
    this.measures = [...new Set([...recording.angles.keys()].map((name) => sideAndMeasure(name)[1]))];
    const knees = [...recording.angles.keys()].filter((name) => /(^|_)knee/.test(name));
    this.chosen = new Set(knees.length ? knees : [...recording.angles.keys()].slice(0, 2));
    this.buildTable();
  }

  buildTable() {
    this.rows.replaceChildren();
    for (const measure of this.measures) {
      const row = this.rows.insertRow();
      const names = [...this.recording.angles.keys()].filter((name) => sideAndMeasure(name)[1] === measure);
      row.insertCell().textContent = measure;
      const nameOf = (side) => names.find((name) => sideAndMeasure(name)[0] === side);
      for (const side of nameOf("centre") ? ["centre"] : ["left", "right"]) {
        const cell = row.insertCell();
        if (side === "centre") Object.assign(cell, { colSpan: 2, className: "centre" });
        if (nameOf(side)) this.fillCell(cell, nameOf(side));
      }
    }
  }

  fillCell(cell, name) {
    const value = document.createElement("span");
    this.cells.set(name, value);
    if (!this.recording.hasTime) {
      cell.append(value);
      return;
    }
    const label = document.createElement("label");
    const box = document.createElement("input");
    box.type = "checkbox";
    box.checked = this.chosen.has(name);
    box.setAttribute("aria-label", `${name.replaceAll("_", " ")} in the chart`);
    box.addEventListener("change", () => {
      if (box.checked) this.chosen.add(name);
      else this.chosen.delete(name);
      this.draw();
    });
    label.append(value, box, this.sample(name));
    cell.append(label);
  }

  /** The line of an angle in the chart: colour by side, dashes by measure. */
  look(name) {
    const [side, measure] = sideAndMeasure(name);
    return {
      color: rgb(themeColours().side(this.recording.colours[side])),
      dash: DASHES[this.measures.indexOf(measure) % DASHES.length],
    };
  }

  /** A piece of that line beside its switch. */
  sample(name) {
    const { color, dash } = this.look(name);
    const drawing = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    const line = document.createElementNS(drawing.namespaceURI, "line");
    for (const [key, value] of Object.entries({ width: 24, height: 6, "aria-hidden": true })) drawing.setAttribute(key, value);
    for (const [key, value] of Object.entries({
      x1: 0, x2: 24, y1: 3, y2: 3, stroke: color, "stroke-width": 2, "stroke-dasharray": dash,
    })) line.setAttribute(key, value);
    drawing.append(line);
    return drawing;
  }

  show(frame) {
    this.frame = frame;
    const pose = this.recording.poseOf(frame, this.person);
    for (const [name, cell] of this.cells) {
      const value = pose < 0 ? NaN : this.recording.angles.get(name)[pose];
      cell.textContent = Number.isNaN(value) ? "–" : `${String(Math.round(value)).replace("-", "−")}°`;
    }
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
    const width = this.chart.clientWidth - MARGIN.l - MARGIN.r;
    this.cursor.hidden = !(share >= 0 && share <= 1);
    this.cursor.style.transform = `translateX(${MARGIN.l + share * width}px)`;
  }

  /** Of a person's poses, over all frames: null where they are not seen. */
  series(values) {
    const row = new Array(this.recording.length).fill(null);
    for (const pose of this.recording.posesOfPerson.get(this.person) ?? []) {
      if (!Number.isNaN(values[pose])) row[this.recording.poseFrame[pose]] = values[pose];
    }
    return row;
  }

  traces() {
    const x = Array.from(this.recording.times);
    const theme = themeColours();
    const traces = [...this.recording.angles.keys()].filter((name) => this.chosen.has(name)).map((name) => {
      const { color, dash } = this.look(name);
      return {
        type: "scatter", mode: "lines", x, y: this.series(this.recording.angles.get(name)),
        name: name.replaceAll("_", " "), hovertemplate: "%{y:.0f}°",
        line: { width: 1.8, color, dash: dash === "none" ? "solid" : dash.replaceAll(" ", "px,").concat("px") },
      };
    });
    if (this.recording.hasConfidence) {
      traces.push({
        type: "scatter", mode: "lines", x, y: this.series(this.recording.meanConfidence), yaxis: "y2",
        name: "confidence, mean of the joints", hovertemplate: "%{y:.2f}",
        line: { width: 1.5, color: theme.faint },
      });
    }
    return traces;
  }

  async draw() {
    if (!this.recording.hasTime) return;
    const theme = themeColours();
    const { times, hasConfidence } = this.recording;
    const axis = { gridcolor: theme.line, zerolinecolor: theme.line, linecolor: theme.line };
    await Plotly.react(this.chart, this.traces(), {
      margin: MARGIN,
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      font: { family: "system-ui, sans-serif", size: 11, color: theme.ink },
      hovermode: "x unified", hoverdistance: -1, dragmode: "zoom", showlegend: false, uirevision: "keep",
      hoverlabel: { bgcolor: rgb(theme.card), font: { color: theme.ink } },
      xaxis: { ...axis, title: { text: "seconds", standoff: 4 }, range: [times[0], times[times.length - 1]],
        anchor: hasConfidence ? "y2" : "y", hoverformat: ".2f" },
      yaxis: { ...axis, title: { text: "degrees", standoff: 4 }, domain: [hasConfidence ? 0.3 : 0, 1], fixedrange: true },
      yaxis2: { ...axis, domain: [0, 0.18], range: [0, 1.02],
        nticks: 3, fixedrange: true, visible: hasConfidence },
      annotations: hasConfidence ? [{ text: "confidence, mean of the joints", showarrow: false, font: { color: theme.faint },
        xref: "paper", yref: "paper", x: 0, y: 0.18, xanchor: "left", yanchor: "bottom" }] : [],
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
