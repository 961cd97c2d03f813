#!/usr/bin/env python3
"""How many of a page's buttons, fields and links `zenith see --ui` finds, and how many it makes up.

    ZENITH_EXE=build/release/bin/zenith .venv/bin/python bench/ui_roles.py

The pages are those of tests/parity; Chromium lays them out, says where each element is (the truth) and makes the screenshot. Found: the same
role and at least half of the two boxes' union in common. A label without blanks has to be the same for `labelled`. Prints JSON.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

from playwright.sync_api import sync_playwright

ROOT = pathlib.Path(__file__).resolve().parents[1]
PAGES = ("ui_page", "screen_dark", "screen_mail", "form_sign_in", "form_dense", "page_shop")
EXE = os.environ.get("ZENITH_EXE", str(ROOT / "build/release/bin/zenith"))
TRUTH = """() => [...document.querySelectorAll('button, input:not([type=checkbox]), select, textarea, a')].map(e => { const r = e.getBoundingClientRect();
  return {role: {BUTTON: 'button', A: 'link'}[e.tagName] || 'field', box: [r.left, r.top, r.right, r.bottom],
          text: 'value' in e && e.tagName != 'BUTTON' ? e.value || e.placeholder || '' : e.innerText, enabled: !e.disabled}; })"""


def shared(a, b):
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    inside = max(0, width) * max(0, height)
    return inside / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - inside)


def plain(text):
    return text.replace(" ", "")


def judge(truth, elements):
    left = [e for e in elements if e["role"] in ("button", "field", "link")]
    counts = {role: {"there": 0, "found": 0, "labelled": 0, "state": 0, "made_up": 0} for role in ("button", "field", "link")}
    missed = []
    for known in truth:
        count = counts[known["role"]]
        count["there"] += 1
        best = max((e for e in left if e["role"] == known["role"]), key=lambda e: shared(e["box"], known["box"]), default=None)
        if best is None or shared(best["box"], known["box"]) < 0.5:
            missed.append(f'{known["role"]} "{known["text"]}" {[round(v) for v in known["box"]]}')
            continue
        left.remove(best)
        count["found"] += 1
        for key, same in (("labelled", plain(best["text"]) == plain(known["text"])), ("state", best["enabled"] == known["enabled"])):
            count[key] += same
            if not same:
                missed.append(f'not {key}: {known["role"]} "{known["text"]}" as "{best["text"]}", {"en" if best["enabled"] else "dis"}abled')
    for element in left:
        counts[element["role"]]["made_up"] += 1
        missed.append(f'made up: {element["role"]} "{element["text"]}" {element["box"]}')
    return counts, missed


def main():
    pages, total = {}, {}
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as play:
        browser = play.chromium.launch(executable_path=os.environ.get("CHROMIUM", "/usr/bin/chromium"))
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        for name in PAGES:
            page.goto((ROOT / "tests/parity" / f"{name}.html").as_uri())
            truth = page.evaluate(TRUTH)
            screen = pathlib.Path(folder) / f"{name}.png"
            page.screenshot(path=str(screen))
            done = subprocess.run([EXE, "see", str(screen), "--ui", "--json"], capture_output=True, text=True, check=True, timeout=300)
            counts, missed = judge(truth, json.loads(done.stdout)["elements"])
            pages[name] = counts
            for role, count in counts.items():
                for key, value in count.items():
                    total.setdefault(role, {}).setdefault(key, 0)
                    total[role][key] += value
            for line in missed:
                print(f"{name}: {line}", file=sys.stderr)
        browser.close()
    print(json.dumps({"pages": pages, "total": total}))


if __name__ == "__main__":
    main()
