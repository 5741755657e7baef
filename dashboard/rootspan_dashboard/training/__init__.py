"""What is said and drawn of training jobs, beyond what one page holds."""
