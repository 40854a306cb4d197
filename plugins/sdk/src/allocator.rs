//! Where a guest's memory comes from.
//!
//! What the gate hands over is allocated string by string, and the usual allocator of Rust's is slow at that. And most calls
//! need little memory: there is as much in the instance when it begins, because asking for more means two changes to the
//! gate's page tables in every call, one when it is given and one when it is taken back.

#![allow(unsafe_code, reason = "memory is handed to the allocator by its address")]

use std::alloc::Layout;
use std::arch::wasm32::memory_grow;
use std::ptr::NonNull;

use talc::base::binning::Binning;
use talc::base::{CHUNK_UNIT, Talc};
use talc::cell::TalcSyncCell;
use talc::source::Source;
use talc::wasm::WasmBinning;

#[global_allocator]
static ALLOCATOR: TalcSyncCell<Memory, WasmBinning> = TalcSyncCell::new_wasm(Memory { begun: false, end: None });

const PAGE: usize = 64 << 10;

/// What an instance begins with: zeros, which take no room in the component.
static mut FIRST: [u8; PAGE] = [0; PAGE];

/// First what the instance begins with, then as many pages more as are needed.
#[derive(Debug)]
struct Memory {
    begun: bool,
    /// Where the pages end that were added last.
    end: Option<NonNull<u8>>,
}

// SAFETY: nothing here allocates.
unsafe impl Source for Memory {
    fn acquire<B: Binning>(talc: &mut Talc<Self, B>, layout: Layout) -> Result<(), ()> {
        if !talc.source.begun {
            talc.source.begun = true;
            // SAFETY: nobody else knows of it, and it is claimed once.
            if unsafe { talc.claim((&raw mut FIRST).cast(), PAGE) }.is_some() {
                // Where that is not enough, this is called again.
                return Ok(());
            }
        }
        // What the allocator itself needs besides: a word at each end, and up to the alignment before.
        let needed = layout.size().saturating_add(layout.align()).saturating_add(4 * CHUNK_UNIT);
        let pages = needed.div_ceil(PAGE);
        let before = match memory_grow::<0>(pages) {
            usize::MAX => return Err(()),
            before => before,
        };
        let begin = (before * PAGE) as *mut u8;
        let end = begin.wrapping_add(pages * PAGE);
        talc.source.end = match talc.source.end {
            // SAFETY: the pages are new, and they go on where those before them end.
            Some(last) if last.as_ptr() == begin => Some(unsafe { talc.extend(last, end) }),
            // SAFETY: the pages are new.
            _ => unsafe { talc.claim(begin, pages * PAGE) },
        };
        talc.source.end.map(drop).ok_or(())
    }
}
