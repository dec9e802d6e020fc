"""Who can be asked: one file a wire, the catalogue of providers, and what their tokens cost."""
