"""How well the daemon works, measured with its own parts on photos of people who are known."""
