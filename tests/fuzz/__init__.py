"""The fuzz of pushes: sources, options and troubles drawn at random, and what must hold after each push.

``pytest tests/fuzz`` is a short run that draws the same pushes each time; ``make soak-fuzz`` is the long one.
The vendors are the stand-ins of `standins`, which know nothing of the package; only their server is another
one, that can send any bytes at any speed.
"""
