"""Forms of the projection P of an approximation z~ = W~ P x + b~: traces, machines and networks name them alike."""

from __future__ import annotations

from typing import Literal

Form = Literal["none", "pixel", "patch"]
"""`none`: y is x itself in INT4. `pixel`: P of a pixel's channels, the same for all kernel elements. `patch`: P of a whole
patch (Liu et al., section 3.1)."""
