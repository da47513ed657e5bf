"""How good the variants are: SSIMULACRA2 against what a patient resizer makes of all the pixels.

The reference is decoded in full, turned upright, converted to sRGB with 16 bits where there is a profile, and resized in one step in
floating point: Lanczos of radius 3, on the sRGB values as they are, which is what all the tools do. Pillow resizes it, so that neither
our resizer nor that of libvips is its own judge. Profiles are applied with the perceptual intent, as browsers do.
What has alpha is judged on mid-gray.
"""

import concurrent.futures
import functools
import io
import pathlib

import numpy
import pyvips
from PIL import Image
from ssimulacra2 import compute_ssimulacra2

MID_GRAY = 128.0
SIX_SCALES = 256  # 8 pixels, five times doubled.


def judge(pictures: list[pathlib.Path], variants: list[list[dict]]) -> list[list[float]]:
    """Scores of the variants of each picture."""
    with concurrent.futures.ProcessPoolExecutor() as pool:
        return list(pool.map(judge_picture, pictures, variants))


def judge_picture(picture: pathlib.Path, variants: list[dict]) -> list[float]:
    return [score(reference(picture, variant["width"], variant["height"]), variant["path"]) for variant in variants]


def score(reference: pathlib.Path, variant: str) -> float:
    """100 is the same picture, 90 cannot be told apart, 70 is good."""
    files = []
    for path in (reference, variant):
        with Image.open(path) as image:
            seen = on_gray(numpy.asarray(image.convert("RGBA" if image.has_transparency_data else "RGB"), numpy.float32))
        files.append(io.BytesIO())
        to_image(large_enough(seen)).save(files[-1], "png", compress_level=1)
    return float(compute_ssimulacra2(*files))


def large_enough(pixels: numpy.ndarray) -> numpy.ndarray:
    """Mirrored at the edges if need be. Pictures too small for all six scales are scored by this package with the weights of other
    scales: the same variant gets 65 with 113 rows and 27 with 112, where it deserves 83."""
    height, width, _ = pixels.shape
    return numpy.pad(pixels, ((0, max(0, SIX_SCALES - height)), (0, max(0, SIX_SCALES - width)), (0, 0)), "symmetric")


def reference(picture: pathlib.Path, width: int, height: int) -> pathlib.Path:
    """Kept beside the corpus, with which it is thrown away."""
    file = picture.parent / "references" / f"{picture.stem}-{width}x{height}.png"
    if not file.exists():
        file.parent.mkdir(exist_ok=True)
        unfinished = file.with_suffix(".part")
        to_image(resized(upright_srgb(picture), width, height)).save(unfinished, "png")
        unfinished.rename(file)
    return file


@functools.lru_cache(1)
def upright_srgb(picture: pathlib.Path) -> numpy.ndarray:
    """Red, green and blue from 0 to 255, with fractions."""
    image = pyvips.Image.new_from_file(str(picture)).autorot()
    if image.get_typeof("icc-profile-data"):
        image = image.icc_transform("srgb", embedded=True, intent="perceptual", depth=16)
    eight_bit = image.format == "uchar"
    image = image.colourspace("srgb" if eight_bit else "rgb16")
    pixels = image.numpy().astype(numpy.float32)
    return on_gray(pixels if eight_bit else pixels / 257)


def on_gray(pixels: numpy.ndarray) -> numpy.ndarray:
    if pixels.shape[2] == 3:
        return pixels
    opacity = pixels[..., 3:] / 255
    return pixels[..., :3] * opacity + MID_GRAY * (1 - opacity)


def resized(pixels: numpy.ndarray, width: int, height: int) -> numpy.ndarray:
    bands = (Image.fromarray(pixels[..., band]) for band in range(3))
    return numpy.dstack([band.resize((width, height), Image.Resampling.LANCZOS) for band in bands])


def to_image(pixels: numpy.ndarray) -> Image.Image:
    return Image.fromarray(pixels.round().clip(0, 255).astype(numpy.uint8))
