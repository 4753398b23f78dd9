"""What the embeddings of a SAM are kept under."""

# Raised whenever `embed` makes something else of an image and a set of weights.
_EMBEDDING_FORMAT = 1


def embedding_key(digest: str) -> str:
    """Return letters, digits and dashes for the embeddings that weights of this SHA-256 make."""
    return f"{digest[:16]}-f{_EMBEDDING_FORMAT}"
