//! The bundle and its files, lent for one call.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use wasmtime::component::Resource;

use super::super::bindings::bundles::{Host, HostBundle, HostFile, Packed, ReadError};
use super::super::bindings::types::{self, FileInfo, JobKind as WireKind, KeyValue as WireKeyValue};
use super::super::bundle::Bundle;
use super::super::limits::{Breach, OPEN_FILES, READ_AT_LEAST, READ_AT_ONCE};
use super::super::store::CallState;
use super::packed::Packer;
use crate::model::{FailureKind, JobKind, KeyValue, TransactionField};

/// The bundle behind a guest's handle.
#[derive(Debug)]
#[allow(unreachable_pub, reason = "the generated bindings re-export it")]
pub struct LentBundle(pub(in crate::plugin) Arc<Bundle>);

/// The file behind a guest's handle.
#[derive(Debug)]
#[allow(unreachable_pub, reason = "the generated bindings re-export it")]
pub struct OpenFile {
    file: File,
    size: u64,
}

impl types::Host for CallState {}

impl Host for CallState {}

impl CallState {
    fn lent(&self, bundle: &Resource<LentBundle>) -> wasmtime::Result<&Bundle> {
        Ok(&self.table.get(bundle)?.0)
    }

    fn value(&self, bundle: &Resource<LentBundle>, field: TransactionField) -> wasmtime::Result<Option<String>> {
        Ok(self.lent(bundle)?.document.value(field).map(str::to_owned))
    }
}

fn wire(key_values: &[KeyValue]) -> Vec<WireKeyValue> {
    key_values.iter().map(|pair| WireKeyValue { key: pair.key.clone(), value: pair.value.clone() }).collect()
}

/// So many from an index on, as far as there are any.
fn window<T>(rows: &[T], start: u32, count: u32) -> &[T] {
    let start = (start as usize).min(rows.len());
    &rows[start..start.saturating_add(count as usize).min(rows.len())]
}

impl HostBundle for CallState {
    fn job_id(&mut self, bundle: Resource<LentBundle>) -> wasmtime::Result<u64> {
        Ok(self.lent(&bundle)?.job.map_or(0, |job| job.get() as u64))
    }

    fn kind(&mut self, bundle: Resource<LentBundle>) -> wasmtime::Result<WireKind> {
        Ok(match self.lent(&bundle)?.kind {
            JobKind::Upload => WireKind::Upload,
            JobKind::Move => WireKind::Move,
        })
    }

    fn user(&mut self, bundle: Resource<LentBundle>) -> wasmtime::Result<String> {
        Ok(self.lent(&bundle)?.user.clone())
    }

    fn received(&mut self, bundle: Resource<LentBundle>) -> wasmtime::Result<u64> {
        Ok(self.lent(&bundle)?.received.as_seconds())
    }

    fn submitter(&mut self, bundle: Resource<LentBundle>) -> wasmtime::Result<Option<String>> {
        self.value(&bundle, TransactionField::Submitter)
    }

    fn project(&mut self, bundle: Resource<LentBundle>) -> wasmtime::Result<Option<String>> {
        self.value(&bundle, TransactionField::Project)
    }

    fn instrument(&mut self, bundle: Resource<LentBundle>) -> wasmtime::Result<Option<String>> {
        self.value(&bundle, TransactionField::Instrument)
    }

    fn key_values(&mut self, bundle: Resource<LentBundle>) -> wasmtime::Result<Vec<WireKeyValue>> {
        Ok(wire(self.lent(&bundle)?.document.key_values()))
    }

    fn file_count(&mut self, bundle: Resource<LentBundle>) -> wasmtime::Result<u32> {
        Ok(u32::try_from(self.lent(&bundle)?.infos().len()).unwrap_or(u32::MAX))
    }

    fn files(&mut self, bundle: Resource<LentBundle>, start: u32, count: u32) -> wasmtime::Result<Vec<FileInfo>> {
        Ok(window(self.lent(&bundle)?.infos(), start, count).to_vec())
    }

    fn packed_files(&mut self, bundle: Resource<LentBundle>, start: u32, count: u32) -> wasmtime::Result<Packed> {
        let mut packer = Packer::new();
        window(self.lent(&bundle)?.infos(), start, count).iter().for_each(|info| packer.file(info));
        Ok(packer.done())
    }

    fn packed_file_key_values(
        &mut self,
        bundle: Resource<LentBundle>,
        start: u32,
        count: u32,
    ) -> wasmtime::Result<Packed> {
        let mut packer = Packer::new();
        let files = window(self.lent(&bundle)?.document.files(), start, count);
        files.iter().for_each(|file| packer.key_values(&file.key_values));
        Ok(packer.done())
    }

    fn file_key_values(&mut self, bundle: Resource<LentBundle>, index: u32) -> wasmtime::Result<Vec<WireKeyValue>> {
        let files = self.lent(&bundle)?.document.files();
        Ok(files.get(index as usize).map(|file| wire(&file.key_values)).unwrap_or_default())
    }

    fn open(&mut self, bundle: Resource<LentBundle>, path: String) -> wasmtime::Result<Option<Resource<OpenFile>>> {
        let lent = self.lent(&bundle)?;
        let Some(file) = lent.file_at(&path).and_then(|index| lent.contents.open(index)) else {
            return Ok(None);
        };
        let size = file.metadata()?.len();
        if self.open_files >= OPEN_FILES {
            let breach = Breach::new(FailureKind::Handles, format!("it held more than {OPEN_FILES} files open"));
            return Err(self.breach(breach));
        }
        self.open_files += 1;
        Ok(Some(self.table.push(OpenFile { file, size })?))
    }

    fn metadata_json(&mut self, bundle: Resource<LentBundle>) -> wasmtime::Result<String> {
        Ok(self.lent(&bundle)?.document.text().to_string())
    }

    fn drop(&mut self, _bundle: Resource<LentBundle>) -> wasmtime::Result<()> {
        // Guests only borrow bundles; the call's own handle goes with the store.
        Ok(())
    }
}

impl HostFile for CallState {
    fn size(&mut self, file: Resource<OpenFile>) -> wasmtime::Result<u64> {
        Ok(self.table.get(&file)?.size)
    }

    fn read(
        &mut self,
        file: Resource<OpenFile>,
        offset: u64,
        len: u32,
    ) -> wasmtime::Result<Result<Vec<u8>, ReadError>> {
        let open = self.table.get(&file)?;
        let wanted = u64::from(len.min(READ_AT_ONCE)).min(open.size.saturating_sub(offset));
        let mut bytes = vec![0; usize::try_from(wanted)?];
        let mut filled = 0;
        while filled < bytes.len() {
            match open.file.read_at(&mut bytes[filled..], offset + filled as u64) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Ok(Err(ReadError::Unavailable(error.to_string()))),
            }
        }
        bytes.truncate(filled);
        self.read_bytes += (filled as u64).max(READ_AT_LEAST);
        if self.read_bytes > self.limits.read_mib << 20 {
            let message = format!("it read more than its limit of {} MiB", self.limits.read_mib);
            return Err(self.breach(Breach::new(FailureKind::Reads, message)));
        }
        Ok(Ok(bytes))
    }

    fn drop(&mut self, file: Resource<OpenFile>) -> wasmtime::Result<()> {
        self.table.delete(file)?;
        self.open_files -= 1;
        Ok(())
    }
}
