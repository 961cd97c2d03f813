#!/usr/bin/env python3
"""Makes tests/data/vision/small with Pillow (and OpenCV, for sixteen bits): 24 x 16, red, green, blue and white quarters in every format."""
import pathlib

import cv2
import numpy
from PIL import Image

HERE = pathlib.Path(__file__).resolve().parents[1] / "data" / "vision" / "small"
picture = Image.new("RGB", (24, 16), (255, 0, 0))
picture.paste((0, 255, 0), (12, 0, 24, 8))
picture.paste((0, 0, 255), (0, 8, 12, 16))
picture.paste((255, 255, 255), (12, 8, 24, 16))
picture.save(HERE / "rgb.png")
picture.quantize(8, dither=Image.Dither.NONE).save(HERE / "palette.png")
picture.save(HERE / "rgb.jpg", quality=95, subsampling=0)
picture.save(HERE / "lossy.webp", quality=95)
picture.save(HERE / "lossless.webp", lossless=True)
picture.save(HERE / "rgb.bmp")
picture.save(HERE / "rgb.tiff")
black = Image.new("RGB", (24, 16))
picture.save(HERE / "first.gif", save_all=True, append_images=[black])
# Stored turned; the EXIF tag says how to turn it back.
for orientation, turned in ((6, Image.Transpose.ROTATE_90), (3, Image.Transpose.ROTATE_180)):
    stored = picture.transpose(turned)
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored.save(HERE / f"turned_{orientation}.jpg", quality=95, subsampling=0, exif=exif)
# The white quarter is black, and transparent.
clear = picture.convert("RGBA")
clear.paste((0, 0, 0, 0), (12, 8, 24, 16))
clear.save(HERE / "transparent.png")
# What prints and scanners make: four inks, sixteen bits, shades of grey with their own transparency.
picture.convert("CMYK").save(HERE / "cmyk.jpg", quality=95, subsampling=0)
cv2.imwrite(str(HERE / "deep.png"), numpy.asarray(picture)[:, :, ::-1].astype(numpy.uint16) * 257)
picture.save(HERE / "progressive.jpg", quality=95, subsampling=0, progressive=True)
# Two pictures of another colour behind it.
picture.save(HERE / "animated.webp", lossless=True, save_all=True, append_images=[black, black], duration=40)
