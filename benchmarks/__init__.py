"""What the README's figures come from. Each benchmark is a module to run; each can print JSON."""
