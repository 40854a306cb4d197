//! The bytes that files of a format have at a fixed place.

/// As much is read of a file.
pub(crate) const HEAD: usize = 1024;

/// Bytes at a place, some of which may be any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Magic {
    offset: usize,
    bytes: Vec<Option<u8>>,
}

impl Magic {
    /// Reads hexadecimal digits; `??` is any byte.
    pub(crate) fn parse(hex: &str, offset: usize) -> Result<Self, String> {
        let digits: Vec<char> = hex.chars().filter(|c| !c.is_whitespace()).collect();
        let bytes: Option<Vec<Option<u8>>> = digits.chunks(2).map(byte).collect();
        let bytes = bytes.ok_or_else(|| {
            format!(
                "{hex:?} is not hexadecimal: write two digits for each byte, such as \"89 50 4E 47\", and ?? for any"
            )
        })?;
        if bytes.iter().all(Option::is_none) {
            return Err(format!("{hex:?} names no byte, and would be in every file"));
        }
        if offset.saturating_add(bytes.len()) > HEAD {
            return Err(format!("ends behind the first {HEAD} bytes, which are all that is read"));
        }
        Ok(Self { offset, bytes })
    }

    /// Whether a file begins like this.
    pub(crate) fn is_in(&self, head: &[u8]) -> bool {
        head.get(self.offset..self.offset + self.bytes.len()).is_some_and(|found| {
            self.bytes.iter().zip(found).all(|(wanted, found)| wanted.is_none_or(|wanted| wanted == *found))
        })
    }
}

fn byte(digits: &[char]) -> Option<Option<u8>> {
    match digits {
        ['?', '?'] => Some(None),
        [high, low] => Some(Some((high.to_digit(16)? * 16 + low.to_digit(16)?) as u8)),
        _ => None,
    }
}

/// Formats of science, which a detector for the web does not know: type, offset, bytes.
///
/// Sources: HDF5 File Format Specification III.A (the superblock may follow a user block); NetCDF Classic Format
/// Specification; FITS Standard 4.0, 3.3.1; MATLAB MAT-File Format (R2023), level 5; NEP 1 of NumPy; NIfTI-1, `nifti1.h`;
/// MRC2014 (Cheng et al., 2015), word 53; WMO Manual on Codes, GRIB and BUFR section 0; CERN ROOT, TFile; Apache Parquet
/// and Arrow format pages; LAS 1.4 R15; TIFF 6.0 and BigTIFF (version 43).
pub(crate) const SCIENCE: &[(&str, usize, &[u8])] = &[
    // MATLAB 7.3 is HDF5 with a text of its own in front: before both.
    ("application/x-matlab-data", 0, b"MATLAB 7.3 MAT-file"),
    ("application/x-matlab-data", 0, b"MATLAB 5.0 MAT-file"),
    ("application/x-hdf5", 0, HDF5),
    ("application/x-hdf5", 512, HDF5),
    ("application/x-hdf", 0, b"\x0e\x03\x13\x01"),
    ("application/x-netcdf", 0, b"CDF\x01"),
    ("application/x-netcdf", 0, b"CDF\x02"),
    ("application/x-netcdf", 0, b"CDF\x05"),
    ("application/fits", 0, b"SIMPLE  ="),
    ("application/x-npy", 0, b"\x93NUMPY"),
    ("application/x-nifti", 344, b"n+1\0"),
    ("application/x-nifti", 344, b"ni1\0"),
    ("application/x-mrc", 208, b"MAP "),
    ("application/x-grib", 0, b"GRIB"),
    ("application/x-bufr", 0, b"BUFR"),
    ("application/x-root", 0, b"root\0"),
    ("application/vnd.apache.parquet", 0, b"PAR1"),
    ("application/vnd.apache.arrow.file", 0, b"ARROW1\0\0"),
    ("application/vnd.las", 0, b"LASF"),
    ("image/tiff", 0, b"II*\0"),
    ("image/tiff", 0, b"MM\0*"),
    ("image/tiff", 0, b"II+\0"),
    ("image/tiff", 0, b"MM\0+"),
];

const HDF5: &[u8] = b"\x89HDF\r\n\x1a\n";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_is_read_with_gaps_and_compared_at_its_place() {
        let magic = Magic::parse("53 43??0A", 2).unwrap();
        assert!(magic.is_in(b"..SC!\nrest"));
        assert!(!magic.is_in(b"..SC!\rrest"));
        assert!(!magic.is_in(b"..SC"));
        assert!(Magic::parse("FF", 1023).is_ok());
        for (hex, offset) in [("5", 0), ("5g", 0), ("", 0), ("????", 0), ("FF", 1024), ("FF", usize::MAX), ("ÿÿ", 0)]
        {
            assert!(Magic::parse(hex, offset).is_err(), "{hex}");
        }
    }
}
