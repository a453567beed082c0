"""The peers: the same services written on other stacks, fairly and as their users write them."""
