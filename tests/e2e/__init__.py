"""From an annotated Secret to a bucket, through every real server on the way."""
