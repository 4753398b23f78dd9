"""What the gate's verdicts and the states of versions are called, for people. Pure."""

from backend.training.entities import Verdict, VersionState

# Words, and the tone of the badge that they stand in.
_WORDS = {
    Verdict.PROMOTE: ("good enough for service", "good"),
    Verdict.REJECT: ("not good enough", "bad"),
    Verdict.HOLD: ("for a person to decide", "warn"),
}
_NONE = ("not decided", "plain")
_STATES = {
    VersionState.CANDIDATE: ("not yet in service", "plain"),
    VersionState.CHAMPION: ("in service", "good"),
    VersionState.ARCHIVED: ("was in service", "plain"),
    VersionState.REJECTED: ("turned down", "plain"),
}


def verdict_badge(verdict: Verdict | None) -> tuple[str, str]:
    """Return a verdict in words, and the tone of its badge."""
    return _NONE if verdict is None else _WORDS[verdict]


def verdict_words(verdict: Verdict | None) -> str | None:
    """Return a verdict in the words of its badge; None where there is none."""
    return None if verdict is None else _WORDS[verdict][0]


def state_badge(state: VersionState) -> tuple[str, str]:
    """Return the state of a version in words, and the tone of its badge."""
    return _STATES[state]
