"""Uploads a file with tuspy: a part of it, and then, as another process would, the rest. Prints the upload's address."""

import sys

from tusclient.client import TusClient

endpoint, path = sys.argv[1:]
client = TusClient(endpoint)
metadata = {"filename": "bundle.tar"}
first = client.uploader(path, chunk_size=64 << 10, upload_checksum=True, metadata=metadata)
first.upload(stop_at=first.get_file_size() // 2)
rest = client.uploader(path, chunk_size=64 << 10, upload_checksum=True, url=first.url)
assert 0 < rest.offset < rest.get_file_size(), rest.offset
rest.upload()
print(rest.url)
