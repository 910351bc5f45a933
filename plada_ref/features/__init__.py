"""What a frozen backbone sees in images, and linear heads on it."""
