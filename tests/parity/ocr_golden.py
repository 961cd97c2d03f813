#!/usr/bin/env python3
"""What rapidocr-onnxruntime reads in the pictures of tests/data/vision: ocr.json. `--draw` makes the drawn pictures anew
(ui_page.png is a screenshot of ui_page.html beside this: chromium --headless --hide-scrollbars --window-size=1280,800 --screenshot=…)."""

import argparse
import json
import pathlib

DATA = pathlib.Path(__file__).resolve().parents[1] / "data" / "vision"
FONT = "/usr/share/fonts/truetype/dejavu/DejaVu{}.ttf"

RECEIPT = ["Corner Shop", "14 Harbour Street", "2026-11-22  09:41", "Bread, whole grain      3.20", "Milk 1 l                1.15",
           "Apples 1.25 kg          4.38", "TOTAL                   8.73", "Paid by card **** 4821", "Thank you, come again!"]
LEFT = ["The lighthouse keeper wrote down", "every ship that passed the cape,", "its flag, its course and the hour.",
        "Most nights there was nothing", "to write but the wind and rain."]
RIGHT = ["In spring the council sent a clerk", "who counted pages, not ships, and", "asked why so much ink was used.",
         "The keeper showed him the sea", "and let him count the waves."]


def draw():
    from PIL import Image, ImageDraw, ImageFont

    def text(picture, xy, line, size, name="Sans", fill=(20, 20, 30)):
        ImageDraw.Draw(picture).text(xy, line, font=ImageFont.truetype(FONT.format(name), size), fill=fill)

    receipt = Image.new("RGB", (420, 400), (250, 248, 240))
    for i, line in enumerate(RECEIPT):
        text(receipt, (24, 20 + 40 * i), line, 20, "SansMono" if i in (3, 4, 5, 6) else "Sans-Bold" if i == 0 else "Sans")
    columns = Image.new("RGB", (860, 330), (255, 255, 255))
    text(columns, (40, 24), "The Log of Cape Harrow", 30, "Serif-Bold")
    for i, (left, right) in enumerate(zip(LEFT, RIGHT)):
        text(columns, (40, 96 + 42 * i), left, 20, "Serif")
        text(columns, (460, 96 + 42 * i), right, 20, "Serif")
    sign = Image.new("RGB", (520, 180), (18, 74, 52))
    text(sign, (40, 30), "PLATFORM 9", 52, "Sans-Bold", (255, 240, 120))
    text(sign, (44, 112), "Mind the gap between the doors", 24, "Sans", (235, 245, 240))
    upside = Image.new("RGB", (460, 160), (255, 255, 255))
    text(upside, (30, 30), "This page lies upside down", 26)
    text(upside, (30, 90), "and can be read all the same.", 26)
    line = Image.new("RGB", (700, 28), (255, 255, 255))
    text(line, (8, 2), "A single line is all there is in this picture, from end to end.", 19)
    turned = Image.new("RGB", (640, 320), (244, 244, 250))
    text(turned, (60, 120), "A little crooked, like most photographs", 26, "Sans", (40, 20, 90))
    page = Image.new("RGB", (1240, 1600), (255, 255, 255))
    for i in range(44):
        text(page, (70, 40 + 35 * i), f"{i + 1:2}  {LEFT[i % 5]} {RIGHT[i * 3 % 5]} {LEFT[(i + 2) % 5][:20]}", 18)
    pictures = {"page": page, "receipt": receipt, "columns": columns, "sign": sign, "upside_down": upside.rotate(180), "line": line,
                "crooked": turned.rotate(9, Image.Resampling.BICUBIC, fillcolor=(244, 244, 250))}
    for name, picture in pictures.items():
        picture.quantize(24, dither=Image.Dither.NONE).convert("RGB").save(DATA / f"{name}.png", optimize=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draw", action="store_true")
    if parser.parse_args().draw:
        draw()
    from rapidocr_onnxruntime import RapidOCR
    engine = RapidOCR()
    rows = []
    for path in sorted(DATA.glob("*.png")):
        lines, _ = engine(str(path))
        lines = [{"text": text, "box": [[round(float(v), 1) for v in point] for point in box], "confidence": round(float(score), 4)}
                 for box, text, score in lines or []]
        rows.append(json.dumps({"image": path.name, "lines": lines}, ensure_ascii=False))
    (DATA / "ocr.json").write_text('{"images": [\n' + ",\n".join(rows) + "\n]}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
