#!/usr/bin/env python3
"""Goldens of the chat templates' engine: every template of tests/data/template/*.jinja with every conversation, and a table of
single constructs. Other templates: `template_golden.py --templates DIR --out FILE`."""

import argparse
import json
import pathlib

from _template_cases import CONTEXT, CONVERSATIONS, SOURCES
from _template_oracle import NOW, environment, render

DATA = pathlib.Path(__file__).resolve().parents[1] / "data" / "template"


def conversation_variables(conversation):
    return {
        "messages": conversation["messages"],
        "tools": conversation.get("tools"),
        "documents": None,
        "add_generation_prompt": conversation.get("add_generation_prompt", True),
        "bos_token": "<s>",
        "eos_token": "</s>",
        **conversation.get("extra", {}),
    }


def save(path, value):
    # One line a case, so that a diff shows which one changed.
    head = {k: v for k, v in value.items() if k != "cases"}
    rows = ",\n".join(json.dumps(case, ensure_ascii=False) for case in value["cases"])
    path.write_text(json.dumps(head, ensure_ascii=False)[:-1] + ',\n"cases": [\n' + rows + "\n]}\n", encoding="utf-8")


def families(folder, out, inline):
    env = environment()
    cases = []
    for file in sorted(folder.glob("*.jinja")):
        source = file.read_text(encoding="utf-8")
        for name, conversation in CONVERSATIONS.items():
            case = {"template": str(file) if inline else file.name, "conversation": name}
            cases.append(case | render(env, source, conversation_variables(conversation)))
    save(out, {"now": NOW, "conversations": CONVERSATIONS, "cases": cases})


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--templates", type=pathlib.Path)
    parser.add_argument("--out", type=pathlib.Path)
    args = parser.parse_args()
    if args.templates:
        return families(args.templates, args.out, inline=True)
    families(DATA, DATA / "families.json", inline=False)
    env = environment()
    cases = [{"source": source} | render(env, source, CONTEXT) for source in SOURCES]
    save(DATA / "constructs.json", {"now": NOW, "context": CONTEXT, "cases": cases})


if __name__ == "__main__":
    main()
