"""JSON over HTTP: parse, authorise, call, answer."""
