//! The `countersign` command; everything is in the library.

use std::process::ExitCode;

/// Protocol state and frames are made on one thread and dropped on another, tens
/// of kilobytes at a time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    countersign::main()
}
