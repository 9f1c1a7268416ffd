"""Cameras that speak ONVIF: found on the local network, and asked for their streams."""
