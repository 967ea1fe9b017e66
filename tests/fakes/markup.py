"""Pages as browsers see them: elements, links, text, and tags that do not fit."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"area", "base", "br", "circle", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
LEADING = {"href", "src", "action"}


@dataclass(eq=False, repr=False)
class Element:
    """One of a page."""

    name: str
    attributes: dict[str, str]
    parents: tuple["Element", ...]
    text: str = ""

    def inside(self, name: str, **wanted: str) -> bool:
        """Whether it lies in an element of this name that has these attributes."""
        return any(each.name == name and wanted.items() <= each.attributes.items() for each in self.parents)


@dataclass(eq=False, repr=False)
class Page(HTMLParser):
    """All of it."""

    source: str
    elements: list[Element] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    text: str = ""

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._open: list[Element] = []
        self.feed(self.source)
        self.close()
        self.faults += [f"<{each.name}> is not closed" for each in self._open]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        self.faults += [f"<{tag}> has {name} twice" for name in set(names) if names.count(name) > 1]
        element = Element(tag, {name: value or "" for name, value in attrs}, tuple(self._open))
        self.elements.append(element)
        if tag not in VOID - {"circle"}:
            self._open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID - {"circle"}:
            self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open[-1].name != tag:
            self.faults.append(f"</{tag}> ends {self._open[-1].name if self._open else 'nothing'}, {self.getpos()}")
        else:
            self._open.pop()

    def handle_data(self, data: str) -> None:
        self.text += data
        for each in self._open:
            each.text += data

    def all(self, *names: str) -> list[Element]:
        """Elements of these names."""
        return [each for each in self.elements if each.name in names]

    def links(self) -> Iterator[tuple[Element, str]]:
        """Every address that it leads to."""
        for each in self.elements:
            for name in LEADING & each.attributes.keys():
                yield each, each.attributes[name]

    @property
    def skeleton(self) -> list[tuple[str, ...]]:
        """Its elements with the names of their attributes: what no text may change."""
        return [(each.name, *sorted(each.attributes)) for each in self.elements]
