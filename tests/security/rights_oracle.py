"""Who may read what, in plain dictionaries: slow, obvious, and written without a look at the real thing."""

from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field

GROUPS_DEEP_MAX = 5
SEES_ALL_TITLES = {"owner", "administrator", "editor"}


@dataclass
class Place:
    """A person in a tenant."""

    ceiling: int
    role: str
    active: bool = True


@dataclass
class Paper:
    shelf: Hashable
    level: int
    pieces: int
    inherits: bool = True
    searchable: bool = True


@dataclass
class Oracle:
    """The world as it was told to be. `clock` counts days; a grant with an end counts before it."""

    clock: int = 0
    suspended: set[Hashable] = field(default_factory=set)
    locked_out: set[Hashable] = field(default_factory=set)  # people whose account is off
    places: dict[tuple[Hashable, Hashable], Place] = field(default_factory=dict)  # (person, tenant)
    groups: dict[Hashable, Hashable] = field(default_factory=dict)  # group: tenant
    of_everybody: dict[Hashable, Hashable] = field(default_factory=dict)  # tenant: group
    joined: set[tuple[Hashable, Hashable]] = field(default_factory=set)  # (person, group)
    inside: set[tuple[Hashable, Hashable]] = field(default_factory=set)  # (inner, outer)
    shelves: dict[Hashable, Hashable] = field(default_factory=dict)  # shelf: tenant
    papers: dict[Hashable, Paper] = field(default_factory=dict)
    grants: dict[tuple[Hashable, Hashable, str], int | None] = field(
        default_factory=dict
    )  # (on, to, right): end

    def in_force(self, person: Hashable, tenant: Hashable) -> bool:
        place = self.places.get((person, tenant))
        return (
            place is not None
            and place.active
            and person not in self.locked_out
            and tenant not in self.suspended
        )

    def around(self, group: Hashable) -> set[Hashable]:
        """The group and every group it lies in, however deep."""
        found = {group}
        for inner, outer in self.inside:
            if inner == group:
                found |= self.around(outer)
        return found

    def acts_as(self, person: Hashable, tenant: Hashable) -> set[Hashable]:
        acts = {person, self.of_everybody[tenant]}
        for member, group in self.joined:
            if member == person and self.groups[group] == tenant:
                acts |= self.around(group)
        return acts

    def granted(self, on: Hashable) -> Iterator[Hashable]:
        for (thing, to, right), end in self.grants.items():
            if thing == on and right == "view" and (end is None or self.clock < end):
                yield to

    def readable(self, person: Hashable, tenant: Hashable) -> set[Hashable]:
        if not self.in_force(person, tenant):
            return set()
        acts, ceiling = self.acts_as(person, tenant), self.places[person, tenant].ceiling
        return {
            name
            for name, paper in self.papers.items()
            if self.shelves[paper.shelf] == tenant
            and paper.searchable
            and paper.level <= ceiling
            and acts & set(self.granted(paper.shelf if paper.inherits else name))
        }

    def listed(self, person: Hashable, tenant: Hashable) -> set[Hashable] | None:
        """What the list of documents shows; None: nobody comes in."""
        if not self.in_force(person, tenant):
            return None
        if self.places[person, tenant].role in SEES_ALL_TITLES:
            return {name for name, paper in self.papers.items() if self.shelves[paper.shelf] == tenant}
        return self.readable(person, tenant)

    def may_nest(self, inner: Hashable, outer: Hashable) -> bool:
        if inner == outer or self.groups[inner] != self.groups[outer]:
            return False
        if {inner, outer} & set(self.of_everybody.values()) or inner in self.around(outer):
            return False
        return self._deep(inner, inwards=True) + self._deep(outer, inwards=False) <= GROUPS_DEEP_MAX

    def _deep(self, group: Hashable, *, inwards: bool) -> int:
        """Groups on the longest way from this one inwards or outwards, itself among them."""
        next_ones = [
            inner if inwards else outer
            for inner, outer in self.inside
            if (outer if inwards else inner) == group
        ]
        return 1 + max((self._deep(each, inwards=inwards) for each in next_ones), default=0)

    def forget_group(self, group: Hashable) -> None:
        del self.groups[group]
        self.joined = {pair for pair in self.joined if pair[1] != group}
        self.inside = {pair for pair in self.inside if group not in pair}
        self.grants = {key: end for key, end in self.grants.items() if key[1] != group}

    def forget_paper(self, paper: Hashable) -> None:
        del self.papers[paper]
        self.grants = {key: end for key, end in self.grants.items() if key[0] != paper}
