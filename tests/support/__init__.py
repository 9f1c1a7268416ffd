"""What the tests share: builders of real things, other sides of wires, and witnesses."""
