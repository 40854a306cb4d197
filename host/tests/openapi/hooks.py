"""What Schemathesis has to be told of the gate: that these are sent as the bytes that they are."""

import schemathesis

schemathesis.serializer.alias(["application/wasm", "application/offset+octet-stream"], "application/octet-stream")
