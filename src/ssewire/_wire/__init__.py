"""The event stream format of the WHATWG HTML standard, section 9.2: bytes to events and back."""
