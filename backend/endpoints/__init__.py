"""HTTP in, values out: each blueprint reads requests, calls one flow, writes JSON."""
