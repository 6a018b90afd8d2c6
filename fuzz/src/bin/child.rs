//! A child process that says anything at all: the client gets one valid answer in time.
//!
//! An input is what it says, one block for each line it is told; ids count from 1. After the last block it ends.

#![no_main]

use std::cell::OnceCell;
use std::path::Path;

use fuzz::{Gateway, House, ask_far, blocks, runtime};
use libfuzzer_sys::fuzz_target;
use mcp::{ChildSpec, Target};
use tempfile::TempDir;
use tokio::runtime::Runtime;

struct World {
    runtime: Runtime,
    folder: TempDir,
    house: House,
}

thread_local! {
    static WORLD: OnceCell<World> = const { OnceCell::new() };
}

fuzz_target!(|bytes: &[u8]| {
    WORLD.with(|world| {
        let world = world.get_or_init(World::new);
        let folder = world.folder.path();
        let blocks: Vec<&[u8]> = blocks(bytes).into_iter().take(BLOCKS_MAX).collect();
        for (place, block) in blocks.iter().enumerate() {
            std::fs::write(folder.join(place.to_string()), [block, &b"\n"[..]].concat()).expect("a file");
        }
        world.runtime.block_on(async {
            let gateway = Gateway::before(&world.house, Target::Child(child(folder, blocks.len())));
            ask_far(&gateway, bytes.len().is_multiple_of(2)).await;
            // Without the time a child is given to end by itself.
            drop(gateway);
        });
    });
});

impl World {
    fn new() -> Self {
        Self { runtime: runtime(), folder: tempfile::tempdir().expect("a folder"), house: House::default() }
    }
}

/// One process, started quickly: for each line it reads, it writes the next file.
fn child(folder: &Path, blocks: usize) -> ChildSpec {
    let mut script: Vec<String> = (0..blocks).map(|place| format!("{}r {place}", place + 1)).collect();
    script.push(format!("{blocks}q"));
    ChildSpec {
        program: "/bin/sed".into(),
        arguments: vec!["--unbuffered".to_owned(), "--quiet".to_owned(), script.join("\n")],
        environment: Vec::new(),
        directory: Some(folder.to_owned()),
    }
}

const BLOCKS_MAX: usize = 8;
