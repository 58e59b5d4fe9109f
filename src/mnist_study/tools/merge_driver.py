"""Merge the files of a DVC project, as a driver of git. Python alone, no other file, for any project.

    git config merge.dvc.driver 'python3 path/to/merge_driver.py --name %P %O %A %B'
    echo 'dvc.lock merge=dvc' >> .gitattributes

- dvc.lock is merged stage by stage. A stage that both sides changed is a conflict, named and marked.
- A .json file that holds an object is merged key by key.
- Other text is merged as git does. Where that is a conflict of lines `key: value` of one indentation, these are merged
  by key: so both sides may add lines in the same place.

With --ours PATTERN a stage or key that both sides changed is taken from our side. That is for stages that cost nothing
to run again: DVC sees that they are stale, and runs them.
"""

import argparse
import json
import re
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

ENTRY = re.compile(r"^  (\S.*):\n(?:   .*\n)+", re.M)  # a stage in dvc.lock, at the indentation that DVC writes
HUNK = re.compile(r"^<{7} ours\n(.*?)^\|{7} base\n(.*?)^={7}\n(.*?)^>{7} theirs\n", re.M | re.S)
KEYED = re.compile(r"(?P<indentation> *)(?P<key>#.*|[\w.+-]+(?=:)).*\n")
Parts = dict[str, str]


def main() -> int:
    """Merge three files into the second, as git asks; exit status 1 after a conflict."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("base", type=Path, help="%%O: the common ancestor")
    parser.add_argument("ours", type=Path, help="%%A: our side, where the result goes")
    parser.add_argument("theirs", type=Path, help="%%B: their side")
    parser.add_argument("--name", required=True, help="%%P: the file's path in the repository")
    parser.add_argument("--ours", dest="preferred", action="append", default=[], metavar="PATTERN")
    given = parser.parse_args()
    sides = given.base, given.ours, given.theirs
    base, ours, theirs = (side.read_text(encoding="utf-8") for side in sides)
    kind = Path(given.name)
    if kind.suffix == ".json":
        text, conflicts = merge_json(base, ours, theirs, given.preferred)
    elif kind.name == "dvc.lock":
        text, conflicts = merge_lock(base, ours, theirs, given.preferred)
    else:
        text, conflicts = merge_text(*sides)
    given.ours.write_text(text, encoding="utf-8")
    for conflict in conflicts:
        print(f"{given.name}: {conflict}", file=sys.stderr)
    return 1 if conflicts else 0


def merge_lock(base: str, ours: str, theirs: str, preferred: list[str]) -> tuple[str, list[str]]:
    """Merge the text of dvc.lock by stage; give the text and the conflicts."""
    heads = [ENTRY.sub("", side) for side in (base, ours, theirs)]
    if heads[1] != heads[2] and base:
        return ours, ["the sides differ in more than stages; our side is kept, so compare both by hand"]
    old, one, other = ({found[1]: found[0] for found in ENTRY.finditer(side)} for side in (base, ours, theirs))
    parts, conflicts = three_way(old, one, other, preferred)
    return heads[1] + "".join(parts.values()), [f"both sides changed {name}" for name in conflicts]


def merge_json(base: str, ours: str, theirs: str, preferred: list[str]) -> tuple[str, list[str]]:
    """Merge an object by key; the keys of the result are sorted. A conflict keeps our value."""
    sides = [json.loads(side) if side.strip() else {} for side in (base, ours, theirs)]
    if not all(isinstance(side, dict) for side in sides):
        return ours, ["no JSON object; our side is kept"]
    old, one, other = ({key: json.dumps(value) for key, value in side.items()} for side in sides)
    parts, conflicts = three_way(old, one, other, preferred)
    kept = {key: json.loads(one.get(key, "null") if key in conflicts else text) for key, text in parts.items()}
    return json.dumps(kept, indent=2, sort_keys=True) + "\n", [f"both sides changed {key}" for key in conflicts]


def merge_text(base: Path, ours: Path, theirs: Path) -> tuple[str, list[str]]:
    """Merge as git does, but conflicts of lines with keys by key."""
    command = ["git", "merge-file", "-p", "--diff3", "-L", "ours", "-L", "base", "-L", "theirs"]
    done = subprocess.run([*command, str(ours), str(base), str(theirs)], capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode < 0 or done.returncode > 127:  # no number of conflicts
        raise SystemExit(f"git merge-file: {done.stderr.strip()}")
    left = 0

    def merged(hunk: re.Match[str]) -> str:
        nonlocal left
        base, ours, theirs = (_by_key(hunk[side]) for side in (2, 1, 3))
        if base is not None and ours is not None and theirs is not None:
            parts, conflicts = three_way(base, ours, theirs, [])
            if not conflicts:
                return "".join(parts.values())
        left += 1
        return hunk[0]

    text = HUNK.sub(merged, done.stdout)
    return text, [f"{left} places that both sides changed"] if left else []


def three_way(base: Parts, ours: Parts, theirs: Parts, preferred: list[str]) -> tuple[Parts, list[str]]:
    """Merge named parts; a conflict has the text of both sides between git's marks. Give the parts and its name."""
    merged, conflicts = {}, []
    for name in _order(list(ours), list(theirs)):
        old, one, other = (side.get(name, "") for side in (base, ours, theirs))
        if one == other or other == old:
            merged[name] = one
        elif one == old:
            merged[name] = other
        elif any(fnmatch(name, pattern) for pattern in preferred):
            merged[name] = one or other
        else:
            merged[name] = f"<<<<<<< ours\n{one}=======\n{other}>>>>>>> theirs\n"
            conflicts.append(name)
    return {name: text for name, text in merged.items() if text}, conflicts


def _by_key(lines: str) -> Parts | None:
    """Give the lines by key, a comment by its text; None where they are anything else, or not of one indentation."""
    found = [KEYED.fullmatch(line) for line in lines.splitlines(keepends=True)]
    by_key = {each["key"]: each[0] for each in found if each}
    alike = len({each["indentation"] for each in found if each}) <= 1
    return by_key if alike and len(by_key) == len(found) else None


def _order(ours: list[str], theirs: list[str]) -> list[str]:
    """Give our names in our order, and those that only they have behind the one that stands before them there.

    What we added in the same place comes first.
    """
    names = list(ours)
    for number, name in enumerate(theirs):
        if name not in names:
            place = names.index(theirs[number - 1]) + 1 if number else 0
            while place < len(names) and names[place] not in theirs:
                place += 1
            names.insert(place, name)
    return names


if __name__ == "__main__":
    sys.exit(main())
