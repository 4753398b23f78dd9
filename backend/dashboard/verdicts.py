"""What the gate's verdicts are called, for people. Pure."""

from backend.training.entities import Verdict

# Words, and the tone of the badge that they stand in.
_WORDS = {
    Verdict.PROMOTE: ("good enough for service", "good"),
    Verdict.REJECT: ("not good enough", "bad"),
    Verdict.HOLD: ("for a person to decide", "warn"),
}
_NONE = ("not decided", "plain")


def verdict_badge(verdict: Verdict | None) -> tuple[str, str]:
    """Return a verdict in words, and the tone of its badge."""
    return _NONE if verdict is None else _WORDS[verdict]
