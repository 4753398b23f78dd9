"""Which champion a rollback goes back to, from the history of promotions. Pure."""

from collections.abc import Container, Iterable


def champions_before(moves: Iterable[str | None], *, servable: Container[str]) -> list[str | None]:
    """Return what served before the champion of today, the latest first; the last is the settings' weights.

    Going back to the version just before takes back a promotion, whether by a rollback or by naming it: what
    was taken back is no part of the history any more, so that rollbacks one after the other go ever further
    back, and never forth again. Any other move is a promotion, which a rollback takes back in turn.

    Args:
        moves: What each change put in service, the oldest first; None: the weights of the settings.
        servable: Versions whose weights are kept. Others are left out, as if they had never served.
    """
    served: list[str | None] = [None]
    for version in moves:
        if version is not None and version not in servable:
            continue
        if version == served[-1]:
            continue
        if len(served) > 1 and version == served[-2]:
            served.pop()
        else:
            served.append(version)
    return served[-2::-1]
