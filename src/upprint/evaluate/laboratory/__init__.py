"""The up-sampling laboratory: does the trace of one up-sampler help to find another?

A network is trained on aligned twins of one maker and tested on the twins of every maker, on photos that
no training saw. Rows of the matrix: trained on; columns: tested on.

`config` says what runs, `pictures` cuts the windows, `inputs` are the representations compared, `cell`
trains and scores one network, `run` does all of them and can be killed at any time, `statistics` and
`claims` turn scores into numbers and sentences, `report` keeps them, `figure` and `page` show them.
"""
