"""The HTTP side of the framework: what a request must look like and what an answer is."""
