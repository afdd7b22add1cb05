"""The commands of `jieyue-cloud`, one file each, found by being here (`contract.commandline.add_commands`).

A file has `add_parser`, which adds its command and names, by `shared.add`, the function that runs it. `shared` has what they
have in common.
"""

PROGRAM = "jieyue-cloud"
