//! The recordings, unpacked.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, reason = "each test file uses a part")]

use std::io::Read;

pub const RECORDINGS: [&str; 3] = ["quiet", "theft", "five"];

/// The bytes of a recording's audit log.
pub fn recording(name: &str) -> Vec<u8> {
    let path = format!("{}/../../recordings/{name}/audit.log.gz", env!("CARGO_MANIFEST_DIR"));
    let mut log = Vec::new();
    let (_, mut reader) = sundew_audit::decompress::reader(std::fs::File::open(path).unwrap()).unwrap();
    reader.read_to_end(&mut log).unwrap();
    log
}

/// Every recording's lines.
pub fn lines() -> Vec<String> {
    let text = |name| String::from_utf8(recording(name)).unwrap();
    RECORDINGS.iter().flat_map(|name| text(name).lines().map(str::to_owned).collect::<Vec<_>>()).collect()
}
