//! A line that the skim passes is a line that the tripwire has nothing to say to.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use sundew_audit::{parse, skim};
use sundew_decoy::Inventory;
use sundew_detect::{Signal, Tripwire};

const INVENTORY: &str = "
version: 1
decoys:
- namespace: honeypot
  account: backup-sa
  placements:
  - {secret: backup-sa-token, mountedBy: {pod: file-backup, nodes: [worker-1]}}
  - {name: ci, credentialId: JTI=4c1e6c0a-7d0f-4f0e-8d1c-0d8c6f1f2a33, mountedBy: {workload: runner}}
- {namespace: kube-system, account: tiller, placements: [{secret: tiller-token-x7k2p}]}
namespaces: [{name: vault}]
";

static TRIPWIRE: LazyLock<Tripwire> = LazyLock::new(|| Tripwire::new(&Inventory::read(INVENTORY).unwrap()));

fuzz_target!(|chunk: &[u8]| {
    let mut seen = Vec::new();
    skim::skim(TRIPWIRE.names(), chunk, |range| seen.push(range));
    let mut start = 0;
    for line in chunk.split(|b| *b == b'\n') {
        let range = start..start + line.len();
        start = range.end + 1;
        let Ok(text) = std::str::from_utf8(line) else { continue };
        let Ok(event) = parse::event(text) else { continue };
        let mut signals = TRIPWIRE.judge("default", &event);
        // Joins incidents only, and the skim knows it by the word that the API server always gives as its reason.
        signals.retain(|signal| !matches!(signal, Signal::Unauthorized(_)));
        let untold = event.is_audit() && !signals.is_empty() && !seen.contains(&range);
        assert!(!untold, "passed, with {signals:?}: {text}");
    }
});
