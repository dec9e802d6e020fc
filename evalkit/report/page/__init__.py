"""The page that people read: one HTML file from frozen data."""
