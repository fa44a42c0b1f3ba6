"""Run by a Python with `pyopensim`: what OpenSim makes of a TRC file.

python in_opensim.py FOUND.npz FILE.trc

It reads the markers, and follows them with a body of four of them, which is
held as those of OpenSim's models are.
"""

import math
import sys

import numpy as np
from pyopensim import common
from pyopensim import simbody
from pyopensim import simulation
from pyopensim import tools

# m; x is forward, z to the right, as in OpenSim's models.
MARKERS = {
    "pelvis": (0, 0, 0),
    "left_hip": (0, 0, -0.13),
    "right_hip": (0, 0, 0.13),
    "spine": (0.05, 0.24, 0),
}
FARTHEST = 3.0


def make_model():
    model = simulation.Model()
    zero = simbody.Vec3(0)
    body = simulation.Body("body", 1, zero, simbody.Inertia(1, 1, 1))
    joint = simulation.FreeJoint(
        "joint", model.getGround(), zero, zero, body, zero, zero
    )
    model.addBody(body)
    model.addJoint(joint)
    for number in range(6):
        coordinate = joint.upd_coordinates(number)
        limit = math.pi / 2 if number < 3 else FARTHEST
        coordinate.setRangeMin(-limit)
        coordinate.setRangeMax(limit)
        coordinate.set_clamped(True)
    for name, place in MARKERS.items():
        model.addMarker(simulation.Marker(name, body, simbody.Vec3(*place)))
    model.finalizeConnections()
    model.initSystem()
    return model


def main(out, path):
    table = common.TimeSeriesTableVec3(path)
    markers = table.getColumnLabels()
    times = table.getIndependentColumn()
    rows = map(table.getRowAtIndex, range(table.getNumRows()))
    places = [
        [[row[at][axis] for axis in range(3)] for at in range(len(markers))]
        for row in rows
    ]
    weights = simulation.SetMarkerWeights()
    reference = simulation.MarkersReference(table, weights)
    model = make_model()  # the tool does not keep it
    tool = tools.InverseKinematicsTool()
    tool.setModel(model)
    tool.setMarkerDataFileName(path)
    tool.setStartTime(times[0])
    tool.setEndTime(times[-1])
    tool.setOutputMotionFileName(f"{out}.mot")
    tool.run()
    motion = common.TimeSeriesTable(f"{out}.mot")
    degrees = motion.getMatrix().to_numpy()
    np.savez(
        out,
        unit=table.getTableMetaDataString("Units"),
        rate=reference.getSamplingFrequency(),
        markers=markers,
        times=times,
        places=places,
        followed_times=motion.getIndependentColumn(),
        coordinates=motion.getColumnLabels(),
        followed=degrees,
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
