"""The compiled queries and commands of the insurance routes, and the Structs that their rows become."""
