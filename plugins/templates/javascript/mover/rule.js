// Files go below their project and their instrument.

/** What the facility writes into its policy. */
export const config = {
  type: "object",
  properties: {
    folder: { type: "string", minLength: 1, description: "The folder of the archive that all files go into." },
  },
  required: ["folder"],
};

/**
 * @param {import("./sluice-sdk/index.js").Bundle} bundle
 * @param {import("./sluice-sdk/index.js").Report} report
 */
export function* plan(bundle, report, { folder }) {
  const { project, instrument, jobId } = bundle;
  if (project === null || instrument === null) {
    report
      .error("no-place", "Without a project and an instrument there is no place for the files.")
      .hint("Choose both in the uploader.");
    return;
  }
  for (const file of bundle.files) {
    // The job's id keeps two bundles with files of the same name apart.
    yield { file, path: `${folder}/${project}/${instrument}/${jobId}/${file.path}` };
  }
}
