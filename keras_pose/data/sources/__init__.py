"""Data sets as they lie on disk: a module for each format.

`SOURCES` maps the name that `prepare.py --source=` takes to a function
`(root folder, annotation file or None, subjects or None) -> Source`.
"""

from keras_pose.data.sources import h36m_c2f
from keras_pose.data.sources import mmpose
from keras_pose.data.sources.source import Source

__all__ = ["SOURCES", "Source"]

SOURCES = {
    "h36m_c2f": h36m_c2f.human36m,
    "h36m_mmpose": mmpose.human36m,
    "mpi_inf_3dhp_mmpose": mmpose.mpi_inf_3dhp,
}
