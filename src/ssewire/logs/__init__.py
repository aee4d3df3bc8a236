"""Recorded responses: capture files, what other programs recorded, recording, and playing back."""

from ssewire.logs.capture import Capture, End, Head, RequestHead, ResponseHead
from ssewire.logs.reading import read_captures
from ssewire.logs.writing import CaptureWriter, write_captures

__all__ = [
    "Capture",
    "CaptureWriter",
    "End",
    "Head",
    "RequestHead",
    "ResponseHead",
    "read_captures",
    "write_captures",
]
