"""The pure rules of insurance claims: no input or output, no framework; time and data come in as arguments."""
