//! Types: which spellings mean the same, and which types are built of one another.

/// What says nothing about a file.
pub(crate) const ANY: &str = "application/octet-stream";

/// Spellings of one type; the first is ours.
const SPELLINGS: &[&[&str]] = &[
    &["application/gzip", "application/x-gzip"],
    &["application/zip", "application/x-zip", "application/x-zip-compressed"],
    &["application/x-bzip2", "application/x-bzip", "application/bzip2"],
    &["application/x-tar", "application/tar"],
    &["application/vnd.rar", "application/x-rar", "application/x-rar-compressed"],
    &["application/zstd", "application/x-zstd"],
    &["application/vnd.sqlite3", "application/x-sqlite3"],
    &["application/x-hdf5", "application/hdf5", "application/vnd.hdfgroup.hdf5"],
    &["application/x-hdf", "application/hdf", "application/x-hdf4"],
    &["application/x-netcdf", "application/netcdf", "application/x-netcdf3", "application/vnd.unidata.netcdf"],
    &["application/fits", "image/fits", "image/x-fits"],
    &["application/dicom", "image/dicom", "image/dicom-rle"],
    &["application/vnd.apache.parquet", "application/x-parquet"],
    &["application/x-matlab-data", "application/matlab-mat", "application/x-matlab"],
    &["text/xml", "application/xml"],
    &["application/rtf", "text/rtf"],
    &["application/pdf", "application/x-pdf"],
    &["image/jpeg", "image/jpg", "image/pjpeg"],
    &["image/bmp", "image/x-bmp", "image/x-ms-bmp"],
    &["image/tiff", "image/tif", "image/x-tiff", "image/tiff-fx"],
    &["image/vnd.microsoft.icon", "image/x-icon"],
    &["audio/x-wav", "audio/wav", "audio/wave", "audio/vnd.wave"],
    &["audio/x-flac", "audio/flac"],
    &["audio/mpeg", "audio/mp3"],
    &["video/x-msvideo", "video/avi", "video/msvideo"],
    &["application/vnd.microsoft.portable-executable", "application/x-msdownload", "application/x-dosexec"],
    &["application/x-executable", "application/x-elf", "application/x-sharedlib", "application/x-object"],
    &["text/x-shellscript", "application/x-sh", "text/x-sh"],
];

/// Types that begin alike, for one is built of the other; with `*`, all that begin so.
const FAMILIES: &[&[&str]] = &[
    &[
        "application/zip",
        "application/epub+zip",
        "application/java-archive",
        "application/vnd.openxmlformats-officedocument.*",
        "application/vnd.oasis.opendocument.*",
        "application/vnd.ms-*",
        "image/openraster",
    ],
    &["application/x-ole-storage", "application/msword", "application/vnd.ms-*"],
    &["application/x-hdf5", "application/x-netcdf", "application/x-matlab-data"],
    &["image/tiff", "image/x-*"],
    &[
        "video/mp4",
        "video/x-m4v",
        "video/quicktime",
        "video/3gpp",
        "audio/m4a",
        "audio/mp4",
        "image/heif",
        "image/heic",
        "image/avif",
    ],
    &["audio/ogg", "audio/opus", "video/ogg", "application/ogg"],
    &["video/webm", "video/x-matroska", "audio/webm", "audio/x-matroska"],
    &["application/gzip", "application/x-compressed-tar", "application/x-nifti"],
];

/// What formats that nobody here knows are often built of. Such a file begins as these do.
const CONTAINERS: [&str; 7] = [
    "application/zip",
    "application/x-hdf5",
    "application/x-ole-storage",
    "application/vnd.sqlite3",
    "application/gzip",
    "application/x-tar",
    "image/tiff",
];

/// Types of text that do not begin with `text/`, or end in `+json` or `+xml`.
const TEXTS: [&str; 14] = [
    "application/json",
    "application/x-ndjson",
    "application/xml",
    "application/yaml",
    "application/x-yaml",
    "application/toml",
    "application/sql",
    "application/javascript",
    "application/x-sh",
    "application/x-tex",
    "application/x-latex",
    "application/postscript",
    "application/rtf",
    "image/svg+xml",
];

/// A type without its parameters, in lower case, in our spelling; [`ANY`] where there is none.
pub(crate) fn canonical(mimetype: &str) -> String {
    let bare = mimetype.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if bare.is_empty() {
        return ANY.to_owned();
    }
    SPELLINGS.iter().find(|spellings| spellings.contains(&bare.as_str())).map_or(bare, |group| group[0].to_owned())
}

/// Whether a file of either type may begin as one of the other.
pub(crate) fn are_related(one: &str, other: &str) -> bool {
    FAMILIES.iter().any(|family| is_in(family, one) && is_in(family, other))
}

fn is_in(family: &[&str], mimetype: &str) -> bool {
    family.iter().any(|member| match member.strip_suffix('*') {
        Some(start) => mimetype.starts_with(start),
        None => *member == mimetype,
    })
}

/// Whether formats of any name may be built of this type.
pub(crate) fn is_container(mimetype: &str) -> bool {
    CONTAINERS.contains(&mimetype)
}

/// Whether files of this type are text.
pub(crate) fn is_text(mimetype: &str) -> bool {
    mimetype.starts_with("text/")
        || mimetype.ends_with("+json")
        || mimetype.ends_with("+xml")
        || TEXTS.contains(&mimetype)
}

/// Whether files of this type are never text, whatever format they have.
pub(crate) fn is_never_text(mimetype: &str) -> bool {
    ["image/", "audio/", "video/", "font/"].iter().any(|start| mimetype.starts_with(start)) && !is_text(mimetype)
}
