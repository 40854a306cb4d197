// Uploads a file with tus-js-client and prints the upload's address. `resumed`: a part of it, and then, as another
// process would, the rest. `parallel`: two halves at the same time, put together at the end.

import { createReadStream, statSync } from "node:fs";
import { createRequire } from "node:module";

const [clients, mode, endpoint, path] = process.argv.slice(2);
const tus = createRequire(`${clients}/`)("tus-js-client");

function upload(options, stopAfter) {
  return new Promise((resolve, reject) => {
    const upload = new tus.Upload(createReadStream(path), {
      endpoint,
      chunkSize: 64 * 1024,
      retryDelays: [100, 1000, 3000],
      metadata: { filename: "bundle.tar" },
      onError: reject,
      onSuccess: () => resolve(upload.url),
      onChunkComplete: (_, accepted) => {
        if (stopAfter && accepted >= stopAfter) {
          upload.abort().then(() => resolve(upload.url), reject);
        }
      },
      ...options,
    });
    upload.start();
  });
}

if (mode === "parallel") {
  console.log(await upload({ parallelUploads: 2, chunkSize: Infinity }));
} else {
  const uploadSize = statSync(path).size;
  const url = await upload({ uploadSize, uploadDataDuringCreation: true }, 128 * 1024);
  console.log(await upload({ uploadSize, uploadUrl: url }));
}
