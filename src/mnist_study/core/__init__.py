"""What training and evaluation both stand on: an edit here retrains every variant."""
