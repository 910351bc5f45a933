"""What a trained model says about images that somebody names."""
