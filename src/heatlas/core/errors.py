"""The one error tree of Heatlas.

::

    HeatlasError
    ├── SpaceMismatchError   values that do not live on the same space
    ├── DataError            a file or an array that cannot be used as it is
    ├── DesignError          a model or a contrast that cannot be estimated
    ├── SpecError            a study file with faults
    ├── UnknownNameError     a name that is not in a registry, a table or a model
    ├── MissingExtraError    an optional dependency that is not installed
    ├── PrivacyError         an operation that would disclose an identity
    └── NotSupportedError    a request that Heatlas does not serve

A message says the value seen, what was expected, and what to do next.
"""

from __future__ import annotations


class HeatlasError(Exception):
    """Root of all errors that are the input's fault and not a bug."""


class SpaceMismatchError(HeatlasError):
    """Values live on different spaces and no policy says how to join them."""


class DataError(HeatlasError):
    """A file or an array cannot be used as it is."""


class DesignError(HeatlasError):
    """A model or a contrast cannot be estimated from the rows given."""


class SpecError(HeatlasError):
    """A study file has faults; the message lists all of them."""


class UnknownNameError(HeatlasError, KeyError):
    """A name is not among the known ones; the message lists them.

    It is a KeyError as well, so that ``name in registry`` and ``registry.get(name)`` work.
    """

    def __str__(self) -> str:
        """Return the sentence itself; a KeyError would put it into quotes."""
        return str(self.args[0]) if self.args else ""


class MissingExtraError(HeatlasError):
    """An optional dependency is not installed; the message says which extra brings it."""


class PrivacyError(HeatlasError):
    """The operation would disclose an identity."""


class NotSupportedError(HeatlasError):
    """A valid request that Heatlas does not serve."""
