"""What a run can show to those who ask: the evidence in one document."""
