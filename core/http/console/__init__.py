"""The console at `/`: what runs here, how it fares, and the queue's jobs to look after."""
