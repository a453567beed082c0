"""What requests about doctors hold and what the answers look like."""
