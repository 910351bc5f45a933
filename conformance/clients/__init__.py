"""Clients that the suite is shown with: two in Python here, others in folders of their own."""
