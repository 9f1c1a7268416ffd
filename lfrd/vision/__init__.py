"""Seeing and recognising faces in pictures; everything that touches a model."""

import os

# onnxruntime's wheels (seen in 1.31 on Linux) gather usage reports for their maker in a database in
# the user's cache folder, to be sent when there is a network. Read once, when it is loaded.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
