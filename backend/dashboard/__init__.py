"""The page of a project: charts with their tables, in HTML that needs no network."""
