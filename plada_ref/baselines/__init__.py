"""What a server could send instead of a payload, each at its true size.

Every baseline is one function from typed inputs to a `Baseline`. Those that have an encoding of
their own (quantised weights, JPEG images) train or test what they decoded from the very bytes they
count. These encodings are yardsticks, not a published format: their decoders say what is wrong with
damaged bytes, but are not built to withstand hostile ones.
"""

from __future__ import annotations

from .baseline import Baseline, NothingFits
from .head_students import HeadStudents
from .images import target_images
from .payloads import random_selection, whole_pool
from .quantised_head import quantised_head
from .student import int8_student
from .target import full_target

__all__ = [
    "Baseline",
    "HeadStudents",
    "NothingFits",
    "full_target",
    "int8_student",
    "quantised_head",
    "random_selection",
    "target_images",
    "whole_pool",
]
