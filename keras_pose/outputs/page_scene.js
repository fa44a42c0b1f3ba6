// The people in 3D, drawn by Plotly: x right, y away, z up, all in mm.

const VIEWS = {
  corner: { x: 0.85, y: -1.7, z: 0.6 },
  camera: { x: 0, y: -1.95, z: 0.12 },
  right: { x: 1.95, y: 0, z: 0.12 },
  above: { x: 0, y: -0.02, z: 1.95 },
};
const CENTRE = { x: 0, y: 0, z: -0.08 };
const LABEL_HEIGHT = 160; // mm above a person
const UP = { x: 0, y: 0, z: 1 };

class Scene {
  constructor(element, recording) {
    this.element = element;
    this.recording = recording;
    this.rootRelative = false;
    this.showCamera = false;
    this.fade = false;
    this.frame = 0;
    this.held = false; // by the mouse: to draw then would turn the view back
    this.bounds = null;
    element.addEventListener("pointerdown", () => { this.held = true; });
    for (const end of ["pointerup", "pointercancel"]) {
      // Plotly itself listens to the event that follows this one.
      addEventListener(end, () => this.held && this.releaseAfter(0));
    }
    element.addEventListener("wheel", () => {
      this.held = true;
      this.releaseAfter(400); // it glides to a stop
    }, { capture: true, passive: true });
  }

  /** Goes on drawing, from where the mouse has left the view. */
  releaseAfter(milliseconds) {
    clearTimeout(this.releasing);
    this.releasing = setTimeout(() => {
      this.held = false;
      // Plotly notes the view at each event, before it has glided to its end.
      const drawn = this.element._fullLayout.scene._scene;
      if (drawn?.camera) this.element.layout.scene.camera = drawn.getCamera();
      this.show(this.frame);
    }, milliseconds);
  }

  /** Draws all anew: at first, and when a switch or the colours changed. */
  async redraw() {
    this.theme = themeColours();
    this.bounds = this.recording.hasTime ? this.boundsOf(this.somePoses()) : null;
    const bounds = this.bounds ?? this.boundsOf(this.recording.posesOf(this.frame));
    // Bones of a person who is small in the scene are thin too.
    this.thick = Math.min(6, Math.max(2, 22000 / diagonalOf(bounds)));
    await Plotly.react(this.element, this.traces(), this.layout(bounds), {
      responsive: true, displaylogo: false, modeBarButtons: [["toImage"]],
    });
  }

  view(name) {
    Plotly.relayout(this.element, {
      "scene.camera.eye": VIEWS[name], "scene.camera.center": CENTRE, "scene.camera.up": UP,
    });
  }

  show(frame) {
    this.frame = frame;
    if (this.held || !this.theme) return;
    const traces = this.traces();
    const each = (value) => traces.map(value);
    Plotly.update(this.element, {
      x: each((t) => t.x), y: each((t) => t.y), z: each((t) => t.z), text: each((t) => t.text),
      "line.color": each((t) => t.line?.color),
      "marker.color": each((t) => t.marker?.color), "marker.size": each((t) => t.marker?.size),
    }, this.bounds ? {} : this.rangeUpdate(this.boundsOf(this.recording.posesOf(frame))));
  }

  layout(bounds) {
    const { line, ink, faint } = this.theme;
    const axis = (text, range) => ({
      title: { text }, range, nticks: 6, tickformat: ",d", showspikes: false, showbackground: false,
      gridcolor: line, linecolor: line, zerolinecolor: line,
    });
    return {
      margin: { l: 0, r: 0, t: 0, b: 0 },
      paper_bgcolor: "rgba(0,0,0,0)",
      modebar: { bgcolor: "rgba(0,0,0,0)", color: faint, activecolor: ink },
      font: { family: "system-ui, sans-serif", size: 11, color: ink },
      scene: {
        xaxis: axis("right, mm", bounds[0]),
        yaxis: axis("away, mm", bounds[1]),
        zaxis: { ...axis("up, mm", bounds[2]), showbackground: true, backgroundcolor: this.theme.floor },
        aspectmode: "manual",
        aspectratio: this.aspectOf(bounds),
        dragmode: "turntable",
        // The one that the mouse has made, if there is one.
        camera: this.element.layout?.scene.camera ?? { eye: VIEWS.corner, center: CENTRE, up: UP },
      },
    };
  }

  /** People, their numbers, and the camera, in the present frame. */
  traces() {
    const poses = this.recording.posesOf(this.frame);
    const common = { type: "scatter3d", showlegend: false };
    return [
      { ...common, ...this.peopleTrace(poses), mode: "lines+markers",
        hovertemplate: "%{text}<br>right %{x:,.0f}, away %{y:,.0f}, up %{z:,.0f} mm<extra></extra>" },
      { ...common, ...this.labelsTrace(poses), mode: "text", hoverinfo: "skip",
        textfont: { size: 15, color: this.theme.ink } },
      { ...common, ...this.cameraTrace(this.frame), mode: "lines+text", hoverinfo: "skip",
        line: { width: 3, color: this.theme.faint }, textfont: { color: this.theme.faint }, textposition: "top center" },
    ];
  }

  /** A joint of a pose in the scene: right, away, up. */
  point(pose, joint) {
    const { joints, place, numJoints } = this.recording;
    const at = 3 * (pose * numJoints + joint);
    const from = this.rootRelative ? [0, 0, 0] : place.subarray(3 * pose, 3 * pose + 3);
    return [joints[at] + from[0], joints[at + 2] + from[2], -(joints[at + 1] + from[1])];
  }

  /** Bones of all people in one line with gaps, each with its joint's colour. */
  peopleTrace(poses) {
    const { skeleton, colours, people } = this.recording;
    const trace = { x: [], y: [], z: [], text: [] };
    const [colourOf, sizeOf] = [[], []];
    const add = (point, colour, size, text) => {
      const known = point && !point.some(Number.isNaN);
      ["x", "y", "z"].forEach((axis, i) => trace[axis].push(known ? point[i] : null));
      colourOf.push(colour);
      sizeOf.push(known ? size : 0);
      trace.text.push(text);
    };
    for (const pose of poses) {
      const who = people.length > 1 ? `person ${this.recording.person[pose]}, ` : "";
      skeleton.parents.forEach((parent, joint) => {
        const sure = this.fade ? 0.15 + 0.85 * this.recording.sureness(pose, joint) : 1;
        const colour = mixed(this.theme.side(colours[skeleton.sides[joint]]), this.theme.card, sure);
        if (parent >= 0) add(this.point(pose, parent), colour, 0, who + skeleton.joints[parent]);
        add(this.point(pose, joint), colour, this.thick, who + skeleton.joints[joint]);
        add(null, colour, 0, "");
      });
    }
    return {
      ...trace,
      line: { width: 1.2 * this.thick, color: colourOf },
      marker: { size: sizeOf, color: colourOf, opacity: 1, line: { width: 0 } },
    };
  }

  labelsTrace(poses) {
    const trace = { x: [], y: [], z: [], text: [] };
    if (this.recording.people.length < 2 || this.rootRelative) return trace;
    for (const pose of poses) {
      const joints = this.recording.skeleton.joints.map((_, joint) => this.point(pose, joint))
        .filter((point) => !point.some(Number.isNaN));
      if (!joints.length) continue;
      const top = joints.reduce((a, b) => (a[2] > b[2] ? a : b));
      trace.x.push(top[0]);
      trace.y.push(top[1]);
      trace.z.push(top[2] + LABEL_HEIGHT);
      trace.text.push(String(this.recording.person[pose]));
    }
    return trace;
  }

  /** Lengths of the axes: a millimetre is as long on each. */
  aspectOf(bounds) {
    const { clientWidth, clientHeight } = this.element;
    // Plotly shows as much from top to bottom, however narrow the scene is.
    const size = 1.5 * Math.min(1, Math.max(0.6, clientWidth / clientHeight / 1.5));
    const [x, y, z] = bounds.map(([low, high]) => (size * (high - low)) / diagonalOf(bounds));
    return { x, y, z };
  }

  rangeUpdate(bounds) {
    return {
      "scene.xaxis.range": bounds[0], "scene.yaxis.range": bounds[1], "scene.zaxis.range": bounds[2],
      "scene.aspectratio": this.aspectOf(bounds),
    };
  }

  /** The camera: what it sees, as a pyramid a third of the way to the people. */
  cameraTrace(frame) {
    const trace = { x: [], y: [], z: [], text: [] };
    if (!this.showCamera || this.rootRelative) return trace;
    const corners = this.cameraCorners(frame);
    const [a, b, c, d] = corners;
    const origin = [0, 0, 0];
    for (const point of [origin, a, b, origin, d, c, origin, null, a, d, null, b, c]) {
      ["x", "y", "z"].forEach((axis, i) => trace[axis].push(point ? point[i] : null));
      trace.text.push("");
    }
    trace.text[0] = "camera";
    return trace;
  }

  cameraCorners(frame) {
    const { place, corners, cornersIndex } = this.recording;
    const poses = this.recording.hasTime ? this.somePoses() : this.recording.posesOf(frame);
    const depths = poses.map((pose) => place[3 * pose + 2]).filter((z) => z > 0).sort((x, y) => x - y);
    const depth = depths.length ? depths[depths.length >> 1] / 3 : 1000;
    const at = 12 * cornersIndex[frame];
    return [0, 3, 6, 9].map((corner) => {
      const [x, y, z] = corners.subarray(at + corner, at + corner + 3).map((value) => value * depth);
      return [x, z, -y];
    });
  }

  /** At most some 2,000 poses, spread over the recording. */
  somePoses() {
    const count = this.recording.person.length;
    const stride = Math.ceil(count / 2000) || 1;
    return Array.from({ length: Math.ceil(count / stride) }, (_, i) => i * stride);
  }

  /** What has to be in view, as [[lowest, highest], ...] of the three axes. */
  boundsOf(poses) {
    const bounds = [0, 1, 2].map((axis) => {
      const values = [];
      for (const pose of poses) {
        for (let joint = 0; joint < this.recording.numJoints; joint += 1) {
          const value = this.point(pose, joint)[axis];
          if (!Number.isNaN(value)) values.push(value);
        }
      }
      if (!values.length) return [-1000, 1000];
      values.sort((a, b) => a - b);
      // A few wild poses in a thousand must not make all others small.
      const cut = Math.floor(values.length * 0.002);
      const [low, high] = [values[cut], values[values.length - 1 - cut]];
      const half = Math.max(600, 0.56 * (high - low) + 60);
      return [(low + high) / 2 - half, (low + high) / 2 + half];
    });
    if (this.recording.people.length > 1 && !this.rootRelative) bounds[2][1] += LABEL_HEIGHT;
    if (this.showCamera && !this.rootRelative) {
      for (const point of [[0, 0, 0], ...this.cameraCorners(this.frame)]) {
        point.forEach((value, axis) => {
          bounds[axis] = [Math.min(bounds[axis][0], value - 60), Math.max(bounds[axis][1], value + 60)];
        });
      }
    }
    return bounds;
  }
}

function diagonalOf(bounds) {
  return Math.hypot(...bounds.map(([low, high]) => high - low));
}


/** A colour, from all of the second to all of the first. */
function mixed(first, second, share) {
  return rgb(first.map((value, i) => Math.round(value * share + second[i] * (1 - share))));
}

/** The page's colours, and how those of the sides look on them. */
function themeColours() {
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(`--${name}`).trim();
  const card = colour("card").match(/[0-9a-f]{2}/gi).map((hex) => parseInt(hex, 16));
  const dark = card[0] < 128;
  const lighter = (channels) => channels.map((value) => Math.round(value + 0.35 * (255 - value)));
  return {
    ink: colour("ink"), faint: colour("faint"), line: colour("line"), floor: colour("floor"), card,
    side: (channels) => (dark ? lighter(channels) : channels),
  };
}
