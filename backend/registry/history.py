"""Which champion a rollback goes back to, from the history of promotions. Pure."""

from collections.abc import Container, Iterable, Iterator, Sequence


def champions_before(moves: Iterable[str | None], *, servable: Container[str]) -> list[str | None]:
    """Return what served before the champion of today, the latest first; the last is the settings' weights.

    Going back to the version just before takes back a promotion, whether by a rollback or by naming it: what
    was taken back is no part of the history any more, so that rollbacks one after the other go ever further
    back, and never forth again. Any other move is a promotion, which a rollback takes back in turn.

    Args:
        moves: What each change put in service, the oldest first; None: the weights of the settings.
        servable: Versions whose weights are kept. Others are left out of what is returned.
    """
    served: list[str | None] = [None]
    # What lies below a promotion keeps its weights while that serves (`prune.py`). Only what a rollback laid
    # bare may lie upon versions that were pruned by then, and that the next rollback passed over.
    is_laid_bare = False
    for version in moves:
        if version == served[-1]:
            continue
        below = [len(served) - 2] if len(served) > 1 else []
        below += list(_steps_back(served, servable))[:1] if is_laid_bare else []
        place = next((place for place in below if served[place] == version), None)
        is_laid_bare = place is not None
        if place is not None:
            del served[place + 1 :]
        else:
            served.append(version)
    return [served[place] for place in _steps_back(served, servable)]


def _steps_back(served: Sequence[str | None], servable: Container[str]) -> Iterator[int]:
    """Yield the places that rollbacks go to from the last one, without a step to what serves already."""
    last = served[-1]
    for place in reversed(range(len(served) - 1)):
        version = served[place]
        if version != last and (version is None or version in servable):
            yield place
            last = version
