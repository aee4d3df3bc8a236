"""Recorded responses: capture files, what other programs recorded, recording, and playing back."""

from ssewire.logs.capture import Capture, End, Head, RequestHead, ResponseHead
from ssewire.logs.play import Fault
from ssewire.logs.reading import read_captures
from ssewire.logs.recording import AsyncRecording, Recording, record
from ssewire.logs.transports import transport
from ssewire.logs.writing import CaptureWriter, write_captures

__all__ = [
    "AsyncRecording",
    "Capture",
    "CaptureWriter",
    "End",
    "Fault",
    "Head",
    "Recording",
    "RequestHead",
    "ResponseHead",
    "read_captures",
    "record",
    "transport",
    "write_captures",
]
