"""Starting, watching and stopping the parts of rootspan as processes."""
