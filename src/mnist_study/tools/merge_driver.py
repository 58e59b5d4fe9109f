"""Merge the files of a DVC project, as a driver of git. Python alone, no other file, for any project.

    git config merge.dvc.driver 'python3 path/to/merge_driver.py --name %P %O %A %B'
    echo 'dvc.lock merge=dvc' >> .gitattributes

- dvc.lock is merged stage by stage. A stage that both sides changed is a conflict, named and marked.
- A .json file that holds an object, as json.dumps writes it with indent=2 and sort_keys, is merged key by key.
- A .yaml file is merged as git does. Where that is a conflict of lines `key: value` of one indentation, these are
  merged by key: so both sides may add lines in the same place.

Whatever is not as expected is merged as git does, by lines. With --ours PATTERN a stage or key that both sides changed
is taken from our side. That is for stages that cost nothing to run again: DVC sees that they are stale, and runs them.
"""

import argparse
import json
import re
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

HEAD = re.compile(r"(schema: .*\n)?stages:\n")
ENTRY = re.compile(r"^  (\S.*):\n(?:   .*\n)+", re.M)  # a stage in dvc.lock, at the indentation that DVC writes
HUNK = re.compile(r"^<{7} ours\n(.*?)^\|{7} base\n(.*?)^={7}\n(.*?)^>{7} theirs\n", re.M | re.S)
KEYED = re.compile(r" *(?P<key>#.*|[\w.+-]+(?=: +[^\s|>&*])).*(?<![,{[])\n")  # its value is whole
Parts = dict[str, str]
Merged = tuple[str, list[str]]  # a text, and its conflicts


def main() -> int:
    """Merge three files into the second, as git asks; exit status 1 after a conflict."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("base", type=Path, help="%%O: the common ancestor")
    parser.add_argument("ours", type=Path, help="%%A: our side, where the result goes")
    parser.add_argument("theirs", type=Path, help="%%B: their side")
    parser.add_argument("--name", required=True, help="%%P: the file's path in the repository")
    parser.add_argument("--ours", dest="preferred", action="append", default=[], metavar="PATTERN")
    given = parser.parse_args()
    sides, kind, merged = (given.base, given.ours, given.theirs), Path(given.name), None
    try:
        base, ours, theirs = (side.read_bytes().decode() for side in sides)
        if kind.suffix == ".json":
            merged = merge_json(base, ours, theirs, given.preferred)
        elif kind.name == "dvc.lock":
            merged = merge_lock(base, ours, theirs, given.preferred)
    except ValueError:
        pass  # neither UTF-8 nor JSON
    text, conflicts = merged or merge_text(*sides, by_key=kind.suffix in (".yaml", ".yml"))
    given.ours.write_bytes(text.encode("utf-8", "surrogateescape"))
    for conflict in conflicts:
        print(f"{given.name}: {conflict}", file=sys.stderr)
    return 1 if conflicts else 0


def merge_lock(base: str, ours: str, theirs: str, preferred: list[str]) -> Merged | None:
    """Merge the text of dvc.lock by stage; None where a side holds anything but stages."""
    heads = [ENTRY.sub("", side) for side in (base, ours, theirs)]
    if any(side and not HEAD.fullmatch(head) for side, head in zip((base, ours, theirs), heads, strict=True)):
        return None
    old, one, other = ({found[1]: found[0] for found in ENTRY.finditer(side)} for side in (base, ours, theirs))
    parts, conflicts = three_way(old, one, other, preferred)
    return (heads[1] or heads[2]) + "".join(parts.values()), [f"both sides changed {name}" for name in conflicts]


def merge_json(base: str, ours: str, theirs: str, preferred: list[str]) -> Merged | None:
    """Merge an object by key; None where a side is no object, is written otherwise, or both sides changed a key."""
    sides = [json.loads(side) if side else {} for side in (base, ours, theirs)]
    for side, text in zip(sides, (base, ours, theirs), strict=True):
        if not isinstance(side, dict) or text not in ("", json.dumps(side, indent=2, sort_keys=True) + "\n"):
            return None
    old, one, other = ({key: json.dumps(value) for key, value in side.items()} for side in sides)
    parts, conflicts = three_way(old, one, other, preferred)
    kept = {key: json.loads(text) for key, text in parts.items() if key not in conflicts}
    return None if conflicts else (json.dumps(kept, indent=2, sort_keys=True) + "\n", [])


def merge_text(base: Path, ours: Path, theirs: Path, *, by_key: bool) -> Merged:
    """Merge as git does but, where wanted, conflicts of lines with keys by key."""
    command = ["git", "merge-file", "-p", "--diff3", "-L", "ours", "-L", "base", "-L", "theirs"]
    done = subprocess.run([*command, str(ours), str(base), str(theirs)], capture_output=True, check=False)  # noqa: S603
    if done.returncode > 127:  # no number of conflicts
        raise SystemExit(f"git merge-file: {done.stderr.decode(errors='replace').strip()}")
    left = 0

    def merged(hunk: re.Match[str]) -> str:
        nonlocal left
        base, ours, theirs = (_by_key(hunk[side]) for side in (2, 1, 3))
        lines = (hunk[1] + hunk[2] + hunk[3]).splitlines()
        alike = len({len(line) - len(line.lstrip(" ")) for line in lines}) <= 1
        if by_key and alike and base is not None and ours is not None and theirs is not None:
            parts, conflicts = three_way(base, ours, theirs, [])
            if not conflicts:
                return "".join(parts.values())
        left += 1
        return hunk[0]

    text = HUNK.sub(merged, done.stdout.decode("utf-8", "surrogateescape"))
    return text, [f"conflicts that are marked: {left}"] if left else []


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
            merged[name] = one
        else:
            merged[name] = f"<<<<<<< ours\n{one}=======\n{other}>>>>>>> theirs\n"
            conflicts.append(name)
    return {name: text for name, text in merged.items() if text}, conflicts


def _by_key(lines: str) -> Parts | None:
    """Give the lines by key, a comment by its text; None where they are anything else."""
    found = [KEYED.fullmatch(line) for line in lines.splitlines(keepends=True)]
    by_key = {each["key"]: each[0] for each in found if each}
    whole = all(lines.count(opening) == lines.count(closing) for opening, closing in ("{}", "[]"))
    return by_key if whole and len(by_key) == len(found) else None


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
