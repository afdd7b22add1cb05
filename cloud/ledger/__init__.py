"""Consumption per meter and hour, in whole base units, with its provenance.

`worker` runs `rounds`; a turn counts the hours of one meter (`counted`) by pure rules (`levels`, `breaks`, `judging`, `standing`, `usual`,
`spread`), and `rows` and `written` write what it says. What people do is in `entries`, `bills`, `exchanges`, `recorded` and `findings`;
`keeping` thins what is old. SQL is in `repository` and `queries` alone.
"""
