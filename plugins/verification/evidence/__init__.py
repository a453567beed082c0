"""Evidence: who said so, when, as of which day and until when it counts; and the record of every decision."""
