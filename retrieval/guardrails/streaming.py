"""Text on its way to a reader, held back until everything that could begin in it has been seen."""

import re
from collections.abc import Callable, Iterator, Sequence

from retrieval.guardrails.ahead import Judge, SearchAhead
from retrieval.guardrails.characters import visible
from retrieval.guardrails.edits import Edit, disjoint, rewritten
from retrieval.values.verdicts import Action

Leak = Callable[[str], bool]

# Judged in strides of the text itself, so that how a model cuts its answer cannot change a verdict.
# Shorter strides release sooner and judge the same characters more often.
STRIDE_CHARS = 64
# Context left of what is judged, already released: the word "IBAN" before a number, a label's bracket.
CONTEXT_CHARS = 160
# No rule looks further ahead than this from where it begins, other than to the end of a token.
HOLD_BACK_CHARS_MIN = 256
HOLD_BACKS_MAX = 6  # what waits longer than this many hold-backs cannot be judged and is withheld
PASSES_MAX = 4  # what still changes then was built to; nested links need one a level

LONG_RUN = "<LONG_TOKEN>"
UNJUDGED_RULE = "stream.unjudged"
LONG_RUN_RULE = "stream.long_token"
HIDDEN_RULE = "stream.hidden_characters"

# Scripts written without blanks: between two of their letters text may be cut, as at a blank.
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3000-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff"
_TOKEN = re.compile(rf"[^\s{_UNSPACED}]+")
_GAP = re.compile(rf"[\s{_UNSPACED}]")


def _nothing(window: str) -> Sequence[Edit]:
    return ()


class HeldText:
    """Releases text that has been judged, at least `hold_back_chars` behind what has arrived.

    What waits is mostly a hold-back and half a stride, with one long token two hold-backs and a stride,
    and never more than HOLD_BACKS_MAX hold-backs. Time is linear in the text: each character is judged
    about eight times, and searched about twice.
    """

    def __init__(
        self,
        *,
        judge: Judge,
        leaks: Sequence[tuple[str, Leak]],
        hold_back_chars: int,
        search: Judge = _nothing,
    ) -> None:
        """judge: edits a window needs, each at most HOLD_BACK_CHARS_MIN long or one token.

        search: more such edits, costly to find and shorter, see `SearchAhead`.
        leaks: rule and watch, given all text in order, as it was written; one that fires ends the answer.
        """
        if hold_back_chars < HOLD_BACK_CHARS_MIN:
            raise ValueError(
                f"Rules look {HOLD_BACK_CHARS_MIN} characters ahead, so no less can be held back; "
                f"{hold_back_chars} was asked for."
            )
        self.blocked = False
        self.applied: list[tuple[str, Action]] = []  # rules, in the order in which they came to act
        self._judge = judge
        self._search = search
        self._ahead = SearchAhead(search)
        self._leaks = leaks
        self._hold_back = hold_back_chars
        self._arrived = ""  # less than a stride, not yet looked at
        self._pending = ""
        self._released = ""  # the last CONTEXT_CHARS of it
        self._last_char = ""
        self._token_chars = 0  # length of the token that has arrived last and may go on

    def take(self, piece: str) -> Iterator[str]:
        """Take the next piece and give out what may leave; nothing more once `blocked`."""
        self._arrived += piece
        position = 0
        while len(self._arrived) - position >= STRIDE_CHARS and not self.blocked:
            stride = self._arrived[position : position + STRIDE_CHARS]
            position += STRIDE_CHARS
            yield self._advance(stride, final=False)
        self._arrived = self._arrived[position:]

    def finish(self) -> str:
        """The rest, after the last piece."""
        return self._advance(self._arrived, final=True) if not self.blocked else ""

    def _advance(self, text: str, *, final: bool) -> str:
        for rule, leaked in self._leaks:
            if leaked(text):
                return self._block(rule)
        self._pending += self._without_long_tokens(self._without_hidden(text))
        return self._release(final=final)

    def _release(self, *, final: bool) -> str:
        window, start = self._released + self._pending, len(self._released)
        limit = len(window) if final else len(window) - self._hold_back
        if limit <= start:
            return ""
        known = self._ahead.edits(self._released, self._pending, limit - start, final=final)
        found = [*self._judge(window), *(edit.moved(start) for edit in known)]
        edits = [edit for edit in self._ordered(window, start, found) if edit.start < limit]
        if stop := next((edit for edit in edits if edit.action is Action.BLOCK), None):
            return self._block(stop.rule)
        cut = _safe_cut(window, start, limit, edits, final=final)
        if cut == start and len(self._pending) > HOLD_BACKS_MAX * self._hold_back:
            return self._block(UNJUDGED_RULE)
        text = self._apply(window, [edit for edit in edits if edit.end <= cut], start, cut)
        if self.blocked:
            return ""
        self._pending = window[cut:]
        self._ahead.released(cut - start)
        self._released = (self._released + text)[-CONTEXT_CHARS:]
        return text

    def _apply(self, window: str, edits: Sequence[Edit], start: int, end: int) -> str:
        """The stretch as it may leave: taking something out can bring new things together, so again."""
        text = window[start:end]
        for _ in range(PASSES_MAX):
            if not edits:
                return text
            self.applied += [(edit.rule, edit.action) for edit in edits]
            text = rewritten(window, edits, start, end)
            window, start = self._released + text, len(self._released)
            end = len(window)
            edits = self._ordered(window, start, [*self._judge(window), *self._search(window)])
            if stop := next((edit for edit in edits if edit.action is Action.BLOCK), None):
                return self._block(stop.rule)
        return self._block(UNJUDGED_RULE)

    def _ordered(self, window: str, start: int, edits: Sequence[Edit]) -> list[Edit]:
        """What must change from `start` on; what begins before it loses the part that has left."""
        found = [edit.clipped(start) for edit in edits if edit.end > start]
        # Blocking edits stay apart: inside a milder one they would be swallowed.
        blocking = [edit for edit in found if edit.action is Action.BLOCK]
        milder = [edit for edit in found if edit.action is not Action.BLOCK]
        return [*blocking, *disjoint([*milder, *self._long_tokens(window, start)])]

    def _long_tokens(self, window: str, start: int) -> Iterator[Edit]:
        for token in _TOKEN.finditer(window, start):
            if token.end() - token.start() > self._hold_back:
                yield Edit(start=token.start(), end=token.end(), replacement=LONG_RUN, rule=LONG_RUN_RULE)

    def _without_long_tokens(self, text: str) -> str:
        """The text with each token cut one character after it became too long, to bound what waits."""
        kept: list[str] = []
        position = 0
        for token in _TOKEN.finditer(text):
            before = self._token_chars if token.start() == 0 else 0
            room = max(0, self._hold_back + 1 - before)
            kept += (text[position : token.start()], token[0][:room])
            position = token.end()
            self._token_chars = before + len(token[0])
        if position < len(text):
            self._token_chars = 0
        return "".join((*kept, text[position:]))

    def _without_hidden(self, text: str) -> str:
        # Whether a joiner is visible depends on the character before it, which may lie a stride back.
        shown = visible(self._last_char + text)[len(visible(self._last_char)) :]
        if shown != text:
            self.applied.append((HIDDEN_RULE, Action.ALLOW))
        self._last_char = text[-1:] or self._last_char
        return shown

    def _block(self, rule: str) -> str:
        self.blocked = True
        self.applied.append((rule, Action.BLOCK))
        self._pending = self._arrived = ""
        return ""


def _safe_cut(window: str, start: int, limit: int, edits: Sequence[Edit], *, final: bool) -> int:
    """The last place up to `limit` that lies in no token and in no edit, `start` when there is none."""
    cut = limit
    while not final and cut > start and not _is_gap(window, cut):
        cut -= 1
    holding = next((edit for edit in edits if edit.start < cut < edit.end), None)
    # All of a token that begins before the limit has arrived, so an edit may be cut off from its token.
    return holding.start if holding else cut


def _is_gap(window: str, at: int) -> bool:
    # Before a blank rather than behind it: what removes a mark removes the blank before it.
    before = window[at - 1]
    return _GAP.match(window[at]) is not None or (not before.isspace() and _GAP.match(before) is not None)
