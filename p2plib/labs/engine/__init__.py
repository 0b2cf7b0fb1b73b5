"""The engine under the labs: what a lab declares, how an answer is judged, and what is kept."""
