"""Many systems on the same pictures: trained alike, tested alike, in one table.

`config` says which systems and which tests, `testsets` reads the tests, `run` trains and scores every cell
and can be killed at any time, `speed` times the networks in turns, `kept` holds every logit so that a
further system is added without scoring the others again, `page` computes the tables from what is kept.
"""
