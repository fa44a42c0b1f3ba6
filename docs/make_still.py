"""Draws docs/images/still.png: a rendered person, as the quickstart sees them.

python docs/make_still.py exported/quickstart/model_float32.tflite
"""

import os
import sys

import keras_pose
from keras_pose import images
from keras_pose.outputs import still
from keras_pose.synthesis.scene import Options
from keras_pose.synthesis.scene import Studio

_OUT = os.path.join(os.path.dirname(__file__), "images", "still.png")
_PERSON = 100_016  # none of those that the quickstart trains on
_SIZE = 640  # px


def main():
    """Renders, predicts, draws."""
    sample = Studio(Options(image_size=_SIZE)).sample(_PERSON)
    image = images.decode_image(sample.image, sample.name)
    predictor = keras_pose.load(sys.argv[1])
    poses = predictor(
        image, sample.box, sample.intrinsics, sample.distortion, flip=True
    )
    still.write_still(_OUT, poses, image)


if __name__ == "__main__":
    main()
