"""Scuttlebutt's secure channel: `secret_handshake`, and then `box_stream`."""
