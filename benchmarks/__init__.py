"""What the figures in `docs/` come from. Each benchmark is a module to run; each can print JSON."""
