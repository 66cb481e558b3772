"""The page that steps through a picture, and the playback of a training."""
