"""Pictures come in: RTSP, WebRTC in both directions, and files, behind one source protocol."""
