//! A whole upload, as the body of a request that brings it at once.

use std::io::{self, Read};

use bytes::Bytes;
use futures::stream::{self, Stream};

use crate::spool::{BodyError, UploadId, UploadStore};

/// Read at once.
const PIECE: usize = 256 << 10;

/// The bytes of stored files, one after the other.
pub(super) fn stored(store: UploadStore, files: Vec<UploadId>) -> impl Stream<Item = Result<Bytes, BodyError>> + Send {
    struct Rest {
        store: UploadStore,
        files: std::vec::IntoIter<UploadId>,
        open: Option<std::fs::File>,
    }

    fn next(rest: &mut Rest) -> io::Result<Option<Bytes>> {
        loop {
            let Some(open) = &mut rest.open else {
                let Some(id) = rest.files.next() else { return Ok(None) };
                rest.open = Some(rest.store.read(&id)?);
                continue;
            };
            let mut piece = vec![0; PIECE];
            match open.read(&mut piece) {
                Ok(0) => rest.open = None,
                Ok(count) => {
                    piece.truncate(count);
                    return Ok(Some(Bytes::from(piece)));
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    let rest = Rest { store, files: files.into_iter(), open: None };
    stream::unfold(Some(rest), |rest| async move {
        let mut rest = rest?;
        let read = tokio::task::spawn_blocking(move || (next(&mut rest), rest)).await;
        match read {
            Ok((Ok(Some(piece)), rest)) => Some((Ok(piece), Some(rest))),
            Ok((Ok(None), _)) => None,
            Ok((Err(error), _)) => Some((Err(BodyError::Lost(error.to_string())), None)),
            Err(error) => Some((Err(BodyError::Lost(error.to_string())), None)),
        }
    })
}
