"""Cameras, crops, volumes and alignment, in NumPy.

Conventions, here and wherever a pose, a pixel or a box appears:

- Camera frame: x right, y down, z away from the camera; millimetres.
- World to camera: X_cam = R (X_world - C), C the camera's centre.
- Pixels: (0, 0) is the centre of the top-left pixel, so an image W wide spans
  x from -0.5 to W - 0.5.
- Boxes: (x, y, width, height) in px, x and y the top-left corner counted from
  the image's corner, so (0, 0, W, H) is the whole image. A box's corner is
  thus at pixel (x - 0.5, y - 0.5); `crop.py` alone knows this half.
- Volumes: unit coordinates in [0, 1], x right, y down, z away. Cell i of N
  stands for (i + 0.5) / N; `volume.py` alone knows this half.
- Rotations are in radians; a positive one turns x towards y, clockwise as
  seen on the image.
- Distortion: OpenCV's (k1, k2, p1, p2, k3), zeros for a pinhole.
- Letters: B batch, J joints, H W D the cells of a volume.

What the input pipeline and the exported graph need is written with operators
and slicing alone, so the same function serves arrays and tensors.
"""
