"""A suite folder read into a `Suite`, its samples read lazily, its prompts rendered."""
