"""Small videos whose every frame says in its pixels which one it is."""

import fractions

import av
import cv2
import numpy as np

WIDTH, HEIGHT = 128, 96
CORNER, BLOCK, BITS = 24, 16, 12
RED, GREEN, BLUE, GREY = (255, 0, 0), (0, 255, 0), (0, 0, 255), (128, 128, 128)
CORNERS = ("red", "green", "blue", "grey")  # rows from the upper left

# What `tkhd` holds of a video that is to be shown turned clockwise by so many
# quarters: a, b, u, c, d, v, x, y, w; x' = a x + c y, y' = b x + d y with y
# down, 16.16 and 2.30 fixed point.
_ONE, _MINUS_ONE, _W = 0x10000, 0xFFFF0000, 0x40000000
MATRICES = {
    0: (_ONE, 0, 0, 0, _ONE, 0, 0, 0, _W),
    1: (0, _ONE, 0, _MINUS_ONE, 0, 0, 0, 0, _W),
    2: (_MINUS_ONE, 0, 0, 0, _MINUS_ONE, 0, 0, 0, _W),
    3: (0, _MINUS_ONE, 0, _ONE, 0, 0, 0, 0, _W),
}


def picture(number):
    """An upright picture: three coloured corners, and the number's bits."""
    image = np.full((HEIGHT, WIDTH, 3), GREY, np.uint8)
    image[:CORNER, :CORNER] = RED
    image[:CORNER, -CORNER:] = GREEN
    image[-CORNER:, :CORNER] = BLUE
    for bit in range(BITS):
        image[_block(bit)] = 255 if number >> bit & 1 else 0
    return image


def _block(bit, margin=0):
    row, column = divmod(bit, 4)
    top, left = 24 + row * BLOCK, 32 + column * BLOCK
    return (
        slice(top + margin, top + BLOCK - margin),
        slice(left + margin, left + BLOCK - margin),
    )


def number_of(image):
    """The number that the pixels of an upright picture say."""
    return sum(
        int(image[_block(bit, margin=4)].mean() > 128) << bit
        for bit in range(BITS)
    )


def corners_of(image):
    """The colours of the four corners, rows from the upper left."""
    names = dict(zip(CORNERS, (RED, GREEN, BLUE, GREY), strict=True))
    found = []
    for rows in (slice(6, 18), slice(-18, -6)):
        for columns in (slice(6, 18), slice(-18, -6)):
            colour = image[rows, columns].mean((0, 1))
            distance = {n: abs(colour - c).sum() for n, c in names.items()}
            found.append(min(distance, key=distance.get))
    return tuple(found)


def write(path, times, codec="mpeg4", between=0, turned=0, **options):
    """Writes a video whose frame i shows i at times[i].

    Args:
        path: With the suffix of its format.
        times: Seconds, ascending.
        codec: FFmpeg's name.
        between: B-frames between two others.
        turned: Quarters by which the file says it is to be turned clockwise;
            its pictures lie turned back.
        **options: Of the format.
    """
    # AVI counts frames; the others can hold any millisecond.
    step = fractions.Fraction(1, 20 if str(path).endswith(".avi") else 1000)
    with av.open(str(path), "w", options=options) as container:
        stream = container.add_stream(codec, rate=20)
        size = (HEIGHT, WIDTH)[:: -1 if turned % 2 else 1]
        stream.height, stream.width = size
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        stream.bit_rate = 10**6
        context = stream.codec_context
        context.time_base = step
        context.gop_size, context.max_b_frames = 10, between
        for number, time in enumerate(times):
            turned_back = np.rot90(picture(number), turned)
            frame = av.VideoFrame.from_ndarray(
                np.ascontiguousarray(turned_back), format="rgb24"
            )
            frame.pts, frame.time_base = round(time / step), step
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    if turned:
        _patch_matrix(path, MATRICES[turned])


def _patch_matrix(path, matrix):
    plain, content = _matrix_bytes(MATRICES[0]), path.read_bytes()
    at = content.index(plain, content.index(b"tkhd"))
    content = content[:at] + _matrix_bytes(matrix) + content[at + 36 :]
    path.write_bytes(content)


def _matrix_bytes(matrix):
    return b"".join(value.to_bytes(4, "big") for value in matrix)


def write_sizes(path, scales):
    """Writes an AVI of JPEGs, each so many times the usual size."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=20)
        stream.width, stream.height = WIDTH, HEIGHT
        stream.pix_fmt = "yuvj420p"
        for number, scale in enumerate(scales):
            size = round(WIDTH * scale), round(HEIGHT * scale)
            encoder = av.CodecContext.create("mjpeg", "w")
            encoder.width, encoder.height = size
            encoder.pix_fmt = "yuvj420p"
            encoder.time_base = fractions.Fraction(1, 20)
            scaled = cv2.resize(picture(number), size)
            frame = av.VideoFrame.from_ndarray(scaled, format="rgb24")
            frame.pts, frame.time_base = 0, encoder.time_base
            for packet in [*encoder.encode(frame), *encoder.encode()]:
                packet.stream = stream
                packet.pts = packet.dts = number
                packet.time_base = encoder.time_base
                container.mux(packet)


def write_sound(path):
    """Writes a second of silence."""
    with av.open(str(path), "w") as container:
        sound = container.add_stream("aac", rate=8000, layout="mono")
        for block in range(8):
            silence = np.zeros((1, 1024), np.float32)
            frame = av.AudioFrame.from_ndarray(
                silence, format="fltp", layout="mono"
            )
            frame.sample_rate, frame.pts = 8000, 1024 * block
            container.mux(sound.encode(frame))
        container.mux(sound.encode())


def packets_of(path):
    """(place, size) of each packet in the file, in the order of decoding."""
    with av.open(str(path)) as container:
        packets = list(container.demux(video=0))
        return [(packet.pos, packet.size) for packet in packets if packet.size]


def overwrite(path, packets):
    """Overwrites packets by ones."""
    content = bytearray(path.read_bytes())
    for place, size in packets:
        content[place : place + size] = b"\xff" * size
    path.write_bytes(content)


def cut(path, share):
    """Leaves so much of a file."""
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
