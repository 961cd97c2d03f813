"""Draws the pictures of tests/data/vision: with Pillow and DejaVu; screens with Chromium from the pages beside this. The Chinese one needs
WenQuanYi Micro Hei (Debian: fonts-wqy-microhei), which ZENITH_CJK_FONT names when it is elsewhere."""

import html
import os
import pathlib
import random
import re
import subprocess
import tempfile

from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageFont

HERE = pathlib.Path(__file__).resolve().parent
FONT = "/usr/share/fonts/truetype/dejavu/DejaVu{}.ttf"
CJK = os.environ.get("ZENITH_CJK_FONT", "/usr/share/fonts/truetype/wqy/wqy-microhei.ttc")
SCREENS = ("ui_page", "screen_dark", "screen_mail")

RECEIPT = ["Corner Shop", "14 Harbour Street", "2026-11-22  09:41", "Bread, whole grain      3.20", "Milk 1 l                1.15",
           "Apples 1.25 kg          4.38", "TOTAL                   8.73", "Paid by card **** 4821", "Thank you, come again!"]
LEFT = ["The lighthouse keeper wrote down", "every ship that passed the cape,", "its flag, its course and the hour.",
        "Most nights there was nothing", "to write but the wind and rain."]
RIGHT = ["In spring the council sent a clerk", "who counted pages, not ships, and", "asked why so much ink was used.",
         "The keeper showed him the sea", "and let him count the waves."]
ACCENTS = ["Crème brûlée à la façon de Zoë", "Größe: 25 cm, geöffnet täglich", "El niño comió piñón en otoño", "Smørrebrød på Ærø, hvor så?",
           "Coração, maçã, avô e irmãos", "Če nevěříte, přijďte příště"]
NUMBERS = ["0123456789", "3.14159265358979", "-273.15 °C = 0 K", "+44 20 7946 0018", "IBAN GB33 BUKB 2020 1555 5555 55", "192.168.0.254:8080",
           "12/31/2026 23:59:59", "1,234,567.89 EUR (19 %)"]
TABLE = [["Port", "Ships", "Tons", "Share"], ["Bergen", "128", "41,900", "17.2 %"], ["Hull", "96", "38,250", "15.7 %"],
         ["Rotterdam", "301", "97,480", "40.0 %"], ["Gdansk", "74", "22,610", "9.3 %"], ["Total", "599", "200,240", "82.2 %"]]
TITLE, LINE = "The Log of Cape Harrow", "A single line is all there is in this picture, from end to end."
SIGN, UPSIDE_DOWN = ["PLATFORM 9", "Mind the gap between the doors"], ["This page lies upside down", "and can be read all the same."]
CROOKED = "A little crooked, like most photographs"
PAGE = [f"{i + 1:2}  {LEFT[i % 5]} {RIGHT[i * 3 % 5]} {LEFT[(i + 2) % 5][:20]}" for i in range(44)]
SMALL_TYPE = [f"{LEFT[i % 5]} {RIGHT[(i + 1) % 5]}" for i in range(16)]
NOTICE = ["Notice to mariners", "The harbour light is dark", "from 4 to 9 December.", "Use the south channel", "and keep to port 21."]
TERMINAL = ["$ zenith serve --listen 127.0.0.1:8080", "ready: 7 services, 3 models", "error: [Errno 98] port in use",
            "$ ls -la | grep '\\.cpp$' > out.txt"]
CHINESE = ["灯塔看守人记下了每一艘船", "春天来了，海面平静", "订单编号：20261122", "总计 358.50 元", "谢谢惠顾，欢迎再来"]


def font(size, name="Sans"):
    return ImageFont.truetype(FONT.format(name), size)


def text(picture, xy, line, size, name="Sans", fill=(20, 20, 30)):
    ImageDraw.Draw(picture).text(xy, line, font=font(size, name), fill=fill)


def blank(width, height, colour=(255, 255, 255)):
    return Image.new("RGB", (width, height), colour)


def lines(rows, width, size, name="Sans", ground=(255, 255, 255), fill=(20, 20, 30), step=2.0):
    out = blank(width, int(40 + step * size * len(rows)), ground)
    for i, row in enumerate(rows):
        text(out, (24, 20 + int(step * size * i)), row, size, name, fill)
    return out


def receipt():
    out = blank(420, 400, (250, 248, 240))
    for i, line in enumerate(RECEIPT):
        text(out, (24, 20 + 40 * i), line, 20, "SansMono" if i in (3, 4, 5, 6) else "Sans-Bold" if i == 0 else "Sans")
    return out


def columns():
    out = blank(860, 330)
    text(out, (40, 24), TITLE, 30, "Serif-Bold")
    for i, (left, right) in enumerate(zip(LEFT, RIGHT)):
        text(out, (40, 96 + 42 * i), left, 20, "Serif")
        text(out, (460, 96 + 42 * i), right, 20, "Serif")
    return out


def sign():
    out = blank(520, 180, (18, 74, 52))
    text(out, (40, 30), SIGN[0], 52, "Sans-Bold", (255, 240, 120))
    text(out, (44, 112), SIGN[1], 24, "Sans", (235, 245, 240))
    return out


def upside_down():
    out = blank(460, 160)
    text(out, (30, 30), UPSIDE_DOWN[0], 26)
    text(out, (30, 90), UPSIDE_DOWN[1], 26)
    return out.rotate(180)


def line():
    out = blank(700, 28)
    text(out, (8, 2), LINE, 19)
    return out


def crooked():
    out = blank(640, 320, (244, 244, 250))
    text(out, (60, 120), CROOKED, 26, "Sans", (40, 20, 90))
    return out.rotate(9, Image.Resampling.BICUBIC, fillcolor=(244, 244, 250))


def page():
    out = blank(1240, 1600)
    for i, row in enumerate(PAGE):
        text(out, (70, 40 + 35 * i), row, 18)
    return out


def small_type():
    """Eleven pixels, as in the foot of a web page."""
    out = blank(760, 330, (248, 248, 248))
    for i, row in enumerate(SMALL_TYPE):
        text(out, (20, 14 + 19 * i), row, 11, "Sans", (70, 70, 80))
    return out


def table():
    out = blank(640, 310)
    pen = ImageDraw.Draw(out)
    for row, cells in enumerate(TABLE):
        pen.line((20, 20 + 44 * row, 620, 20 + 44 * row), (120, 120, 120))
        for column, cell in enumerate(cells):
            text(out, (32 + 150 * column, 30 + 44 * row), cell, 20, "Sans-Bold" if row in (0, 5) else "Sans")
    for column in range(5):
        pen.line((20 + 150 * column, 20, 20 + 150 * column, 284), (120, 120, 120))
    pen.line((20, 284, 620, 284), (120, 120, 120))
    return out


def quarter_turn():
    return lines(LEFT, 460, 22).rotate(90, expand=True)


def photo():
    """A sheet seen from the side, in uneven light, a little blurred, with the noise of a sensor."""
    noise = random.Random(5)
    sheet = blank(520, 300, (238, 234, 224))
    for i, row in enumerate(NOTICE):
        text(sheet, (36, 26 + 50 * i), row, 30 if i == 0 else 25, "Serif-Bold" if i == 0 else "Serif")
    # The corners of the picture in the sheet's pixels: x' = (a x + b y + c) / (g x + h y + 1).
    wanted = [((40, 45), (0, 0)), ((440, 22), (520, 0)), ((462, 300), (520, 300)), ((20, 265), (0, 300))]
    out = sheet.transform((480, 320), Image.Transform.PERSPECTIVE, perspective(wanted), Image.Resampling.BICUBIC, fillcolor=(96, 70, 52))
    light = Image.linear_gradient("L").resize((480, 320)).rotate(20, fillcolor=128).point(lambda v: 150 + v * 100 // 255)
    out = ImageChops.multiply(out, Image.merge("RGB", (light, light, light))).filter(ImageFilter.GaussianBlur(0.7))
    grain = Image.frombytes("L", out.size, bytes(min(255, max(0, int(noise.gauss(128, 4)))) for _ in range(480 * 320)))
    return ImageChops.add(out, Image.merge("RGB", (grain, grain, grain)), offset=-128)


def perspective(pairs):
    rows, right = [], []
    for (x, y), (u, v) in pairs:
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        right += [u, v]
    import numpy
    return numpy.linalg.solve(numpy.array(rows, float), numpy.array(right, float)).tolist()


def chinese():
    out = blank(460, 300)
    for i, row in enumerate(CHINESE):
        ImageDraw.Draw(out).text((30, 24 + 52 * i), row, font=ImageFont.truetype(CJK, 28), fill=(20, 20, 30))
    return out


def screenshot(name):
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "screen.png"
        subprocess.run(["chromium", "--headless", "--no-sandbox", "--hide-scrollbars", "--window-size=1280,800", f"--user-data-dir={folder}",
                        f"--screenshot={path}", f"file://{HERE / name}.html"], check=True, capture_output=True)
        return Image.open(path).convert("RGB")


def draw(folder, names=()):
    """Of all pictures, or of those with these names; drawn ones have few colours, so that the files are small."""
    drawn = {"page": page, "receipt": receipt, "columns": columns, "sign": sign, "upside_down": upside_down, "line": line, "crooked": crooked,
             "small_type": small_type, "table": table, "quarter_turn": quarter_turn, "photo": photo, "chinese": chinese,
             "accents": lambda: lines(ACCENTS, 520, 24), "numbers": lambda: lines(NUMBERS, 560, 24, "SansMono"),
             "terminal": lambda: lines(TERMINAL, 620, 18, "SansMono", (16, 18, 22), (120, 230, 140)),
             "empty": lambda: blank(640, 400, (236, 240, 244))}
    for name, make in drawn.items():
        if names and name not in names:
            continue
        few = 32 if name == "photo" else 24
        make().quantize(few, dither=Image.Dither.NONE).convert("RGB").save(folder / f"{name}.png", optimize=True)
    for name in SCREENS:
        if not names or name in names:
            screenshot(name).save(folder / f"{name}.png", optimize=True)


def written(name):
    """What stands in a picture, line by line: the truth, where the reference is another reader."""
    if name in SCREENS:
        body = (HERE / f"{name}.html").read_text(encoding="utf-8").partition("<body")[2]
        body = re.sub(r'<input value="([^"]*)">', r"<i>\1<i>", body).replace('<a href="#">', "").replace("</a>", "")
        return [row.strip() for row in re.split(r"<[^>]*>|>", html.unescape(body)) if row.strip()]
    return {"page": PAGE, "small_type": SMALL_TYPE, "receipt": RECEIPT, "columns": [TITLE, *LEFT, *RIGHT], "sign": SIGN, "upside_down": UPSIDE_DOWN,
            "line": [LINE], "crooked": [CROOKED], "table": [" ".join(row) for row in TABLE], "quarter_turn": LEFT, "photo": NOTICE,
            "chinese": CHINESE, "accents": ACCENTS, "numbers": NUMBERS, "terminal": TERMINAL, "empty": []}[name]
