"""What separates the classes of a data set besides generation, how much that solves, and a copy without it.

`features.collect` measures every file, `run.audit` tests every cue and returns a `report.Report`, which
`text`, `html` and `Report.to_json` show; `equalise.equalise` writes the copy.
"""
