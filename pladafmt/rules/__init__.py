"""Rules: kept images by integers that both sides hold (specification, section 17)."""
