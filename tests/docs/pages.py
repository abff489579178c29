"""The pages of the documentation: their blocks of code, their headings, their links."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDERS = ("docs", "helm", "kustomize")
_FENCE = re.compile(r"^```(\S*) ?(.*)\n((?:.*\n)*?)```$", re.MULTILINE)
_LINK = re.compile(r"\]\(([^)\s]+)\)|(?:href|src)=\"([^\"]+)\"")


@dataclass(frozen=True)
class Block:
    """A fenced block of code: its language, what else stands behind the fence, its text."""

    language: str
    notes: str
    text: str


@dataclass(frozen=True)
class Page:
    """A file of Markdown."""

    path: Path

    def __str__(self) -> str:
        return self.path.relative_to(ROOT).as_posix()

    @cached_property
    def text(self) -> str:
        """All of it."""
        return self.path.read_text()

    @cached_property
    def prose(self) -> str:
        """Without the blocks of code."""
        return _FENCE.sub("", self.text)

    def blocks(self, language: str) -> list[Block]:
        """The blocks of a language, in their order."""
        return [block for block in (Block(*found) for found in _FENCE.findall(self.text)) if block.language == language]

    def links(self) -> Iterator[str]:
        """Where links and pictures point to, within the repository."""
        for found in _LINK.findall(self.prose):
            target = "".join(found)
            if not re.match(r"[a-z]+:", target):
                yield target

    def anchors(self) -> set[str]:
        """What a link can name on this page, as GitHub makes it from headings."""
        seen: dict[str, int] = {}
        for heading in re.findall(r"^#+ (.*)$", self.prose, re.MULTILINE):
            shown = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading)
            slug = re.sub(r"[^\w\- ]", "", shown.strip().lower()).replace(" ", "-")
            seen[slug] = seen.get(slug, -1) + 1
            if seen[slug]:
                seen[f"{slug}-{seen[slug]}"] = 0
        return set(seen)


def pages() -> list[Page]:
    """All of them."""
    found = [*ROOT.glob("*.md"), *(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.md"))]
    return [Page(path) for path in sorted(found)]
