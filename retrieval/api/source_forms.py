"""The form of a source, made from the fields that its kind names."""

from typing import Any

from django import forms

from accounts.scope import Sensitivity
from retrieval.models import Source
from retrieval.models.sources import SCHEDULE_MINUTES, SCHEDULE_MINUTES_MAX
from retrieval.sources.changes import SourceDraft
from retrieval.sources.connector import ACCESS, LINE_CHARS_MAX, NUMBER_MAX, Connector, Field

PREFIX = "at_"  # of the kind's own fields, so that none takes the place of ours
SCHEDULES = [
    (0, "only when somebody asks"), (15, "every 15 minutes"), (60, "every hour"), (6 * 60, "every 6 hours"),
    (24 * 60, "every day"), (7 * 24 * 60, "every week"),
]  # fmt: skip


class SourceForm(forms.Form):
    """A new source, or a change of one. `collections`: (id, name) to choose from; None: it stays."""

    name = forms.CharField(max_length=150, label="Name", help_text="As people here will know it.")
    collection = forms.ChoiceField(label="Collection", help_text="Its documents go there.")

    def __init__(
        self,
        kind: type[Connector],
        collections: list[tuple[str, str]] | None,
        levels: list[Sensitivity],
        data: Any = None,
        source: Source | None = None,
    ) -> None:
        super().__init__(data, initial=initial_of(source) if source else None)
        self.kind = kind
        fields: Any = self.fields
        if collections is None:
            del fields["collection"]
        else:
            fields["collection"].choices = collections
        for field in kind.fields:
            fields[PREFIX + field.name] = form_field(field)
        if kind.secret_label:
            fields["secret"] = secret_field(kind, there=bool(source and source.sealed_secret))
        fields[PREFIX + ACCESS.name] = form_field(ACCESS)
        fields["sensitivity"] = forms.TypedChoiceField(
            label="Sensitivity", coerce=lambda level: Sensitivity(int(level)), initial=Sensitivity.INTERNAL.value,
            choices=[(level.value, level.name.title()) for level in levels],
        )  # fmt: skip
        fields["schedule_minutes"] = forms.TypedChoiceField(
            label="Look at it", coerce=int, initial=SCHEDULE_MINUTES, choices=schedules(source)
        )

    def draft(self, *, enabled: bool) -> SourceDraft:
        """What a valid form says."""
        said = self.cleaned_data
        fields = {field.name: field for field in (*self.kind.fields, ACCESS)}
        configuration = {name: as_kept(field, said[PREFIX + name]) for name, field in fields.items()}
        return SourceDraft(
            name=said["name"],
            configuration=configuration,
            # A browser sends an empty field whether or not one is meant.
            secret=said.get("secret") or None,
            sensitivity=said["sensitivity"],
            schedule_minutes=said["schedule_minutes"],
            enabled=enabled,
        )

    def refuse(self, sentence: str, field: str) -> None:
        """Put a refusal where it belongs."""
        for name in (PREFIX + field, field):
            if name in self.fields:
                return self.add_error(name, sentence)
        return self.add_error(None, sentence)


def form_field(field: Field) -> forms.Field:
    told: dict[str, Any] = {"label": field.label, "help_text": field.help, "initial": field.initial}
    match field.kind:
        case "yes":
            return forms.BooleanField(required=False, **told)
        case "number":
            return forms.IntegerField(min_value=0, max_value=NUMBER_MAX, **told)
        case "lines":
            return forms.CharField(required=field.required, widget=forms.Textarea(attrs={"rows": 4}), **told)
        case "line":
            return forms.CharField(required=field.required, max_length=LINE_CHARS_MAX, **told)


def secret_field(kind: type[Connector], *, there: bool) -> forms.Field:
    return forms.CharField(
        label=kind.secret_label,
        required=False,
        strip=False,
        max_length=1000,
        widget=forms.PasswordInput(render_value=False, attrs={"autocomplete": "off"}),
        help_text="Never shown again. Left empty, the one there is stays." if there else "Never shown again.",
    )


def as_kept(field: Field, said: Any) -> Any:
    return said.splitlines() if field.kind == "lines" else said


def initial_of(source: Source) -> dict[str, Any]:
    initial: dict[str, Any] = {
        PREFIX + name: "\n".join(value) if isinstance(value, list) else value
        for name, value in source.configuration.items()
    }
    return initial | {
        "name": source.name,
        "sensitivity": source.sensitivity,
        "schedule_minutes": source.schedule_minutes,
    }


def schedules(source: Source | None) -> list[tuple[int, str]]:
    """What is offered, and what the API set besides."""
    own = source.schedule_minutes if source else SCHEDULE_MINUTES
    known = own in dict(SCHEDULES) or own > SCHEDULE_MINUTES_MAX
    return SCHEDULES if known else sorted([*SCHEDULES, (own, f"every {own} minutes")])
