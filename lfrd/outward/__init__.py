"""What other systems are told: one durable outbox, and the ways by which messages leave it."""
