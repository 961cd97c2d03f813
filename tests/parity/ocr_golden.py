#!/usr/bin/env python3
"""What rapidocr-onnxruntime reads in the pictures of tests/data/vision, and what stands there: ocr.json; how Clipper grows polygons: grown.json.
`--draw [NAME…]` makes the pictures anew (_ocr_pictures.py)."""

import argparse
import json
import math
import pathlib
import random

DATA = pathlib.Path(__file__).resolve().parents[1] / "data" / "vision"


def readings():
    import _ocr_pictures
    from rapidocr_onnxruntime import RapidOCR
    engine = RapidOCR()
    for path in sorted(DATA.glob("*.png")):
        lines, _ = engine(str(path))
        lines = [{"text": text, "box": [[round(float(v), 1) for v in point] for point in box], "confidence": round(float(score), 4)}
                 for box, text, score in lines or []]
        yield {"image": path.name, "written": _ocr_pictures.written(path.stem), "lines": lines}


def grown():
    """Rectangles of lines in every direction, their corners cut down to whole pixels as the reference does."""
    import pyclipper
    chance = random.Random(3)
    for _ in range(40):
        width, height, angle = chance.uniform(3, 400), chance.uniform(3, 60), chance.choice([0, chance.uniform(-math.pi, math.pi)])
        x, y = chance.uniform(0, 900), chance.uniform(0, 900)
        along, up = (math.cos(angle) * width, math.sin(angle) * width), (-math.sin(angle) * height, math.cos(angle) * height)
        corners = [[int(x), int(y)], [int(x + along[0]), int(y + along[1])], [int(x + along[0] + up[0]), int(y + along[1] + up[1])],
                   [int(x + up[0]), int(y + up[1])]]
        distance = round(width * height * 1.6 / (2 * (width + height)), 3)
        offset = pyclipper.PyclipperOffset()
        offset.AddPath(corners, pyclipper.JT_ROUND, pyclipper.ET_CLOSEDPOLYGON)
        yield {"corners": corners, "distance": distance, "grown": offset.Execute(distance)[0]}


def write(name, key, rows):
    body = ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    (DATA / name).write_text(f'{{"{key}": [\n{body}\n]}}\n', encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draw", nargs="*", metavar="NAME")
    names = parser.parse_args().draw
    if names is not None:
        import _ocr_pictures
        _ocr_pictures.draw(DATA, names)
    write("grown.json", "polygons", grown())
    write("ocr.json", "images", readings())


if __name__ == "__main__":
    main()
