"""Look at every link between Label Studio, this server and its parts, and say how to mend what is broken.

Looks only: nothing is repaired, and no call to Label Studio changes anything there.
"""
