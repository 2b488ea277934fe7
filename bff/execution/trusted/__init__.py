"""Documents that are known before they are sent: registered by a team, or by a client through its hash (APQ)."""
