"""A snapshot as a data set that ultralytics reads."""
