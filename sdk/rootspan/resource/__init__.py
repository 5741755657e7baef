"""Who this process is: its service, host and process, and its place in a training job."""
