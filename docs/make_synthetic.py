"""Draws docs/images/synthetic.jpg: people, every other one with their joints.

python docs/make_synthetic.py
"""

import os

import numpy as np
from PIL import Image

from keras_pose import images
from keras_pose import visualization
from keras_pose.skeleton import H36M_17
from keras_pose.synthesis.scene import Options
from keras_pose.synthesis.scene import Studio

_OUT = os.path.join(os.path.dirname(__file__), "images", "synthetic.jpg")
_ROWS, _COLUMNS = 6, 8
_SIZE = 160  # px


def main():
    """Renders, draws, writes."""
    studio = Studio(Options(image_size=_SIZE))
    tiles = []
    for index in range(_ROWS * _COLUMNS):
        sample = studio.sample(index)
        tile = images.decode_image(sample.image, sample.name)
        if index % 2:
            tile = visualization.draw_skeleton(tile, sample.joints_px, H36M_17)
        tiles.append(tile)
    rows = [
        np.concatenate(tiles[start : start + _COLUMNS], axis=1)
        for start in range(0, len(tiles), _COLUMNS)
    ]
    Image.fromarray(np.concatenate(rows)).save(_OUT, quality=85)


if __name__ == "__main__":
    main()
