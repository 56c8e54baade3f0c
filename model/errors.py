"""The errors that machim raises on purpose; every message is *name, rule, what arrived*."""


class MachimError(Exception):
    """Something that the person running machim can mend, said in one line."""


class InputError(MachimError):
    """A value, a file or a request that breaks a rule: exit code 2, HTTP 4xx."""


class CheckpointError(MachimError):
    """A checkpoint that is missing, damaged, or of another format or task: never half-loaded."""
