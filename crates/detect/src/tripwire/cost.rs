//! The cost of judging does not grow with the number of decoys: shown by counting looks, since clocks prove nothing.
//!
//! Judging can only look into the [`Table`](super::table::Table)s, which have no way to walk over what they hold.

use std::io::Read;

use sundew_audit::{Event, Reason, Reject, parse};
use sundew_decoy::{Decoy, Inventory, MountedBy, Placement};

use super::{Tripwire, table::looks};

/// The two decoys of the recordings, and `others` that nobody touches.
fn tripwire(others: usize) -> Tripwire {
    let decoy = |text: String, workload: &str, pod: &str| {
        let mut decoy = Decoy::from_argument(&text).unwrap();
        let named = |name: &str| (!name.is_empty()).then(|| name.to_owned());
        let mounted = MountedBy { pod: named(pod), workload: named(workload), nodes: Vec::new() };
        decoy.placements[0].mounted_by = Some(mounted);
        let credential_id = Some(format!("JTI={text}"));
        decoy.placements.push(Placement { credential_id, ..Placement::default() });
        decoy
    };
    let mut decoys = vec![
        decoy("honeypot/backup-sa:backup-sa-token".into(), "", "file-backup"),
        decoy("kube-system/tiller:tiller-token-x7k2p".into(), "agent", ""),
    ];
    decoys.extend(
        (0..others).map(|i| decoy(format!("team-{i}/a-{i}:s-{i}"), &format!("w-{i}"), &format!("p-{i}"))),
    );
    let bait = (0..=others).map(|i| format!("bait-{i}")).collect();
    let mut inventory = Inventory::of("default", decoys, bait).unwrap();
    inventory.walkers.push("w".into());
    Tripwire::new(&inventory)
}

fn lines() -> Vec<String> {
    let mut log = String::new();
    for name in ["quiet", "theft", "five"] {
        let path = format!("{}/../../recordings/{name}/audit.log.gz", env!("CARGO_MANIFEST_DIR"));
        let file = std::fs::File::open(path).unwrap();
        flate2::read::MultiGzDecoder::new(file).read_to_string(&mut log).unwrap();
    }
    log.lines().map(str::to_owned).collect()
}

#[test]
fn judging_looks_as_often_for_one_decoy_as_for_ten_thousand() {
    let (few, many) = (tripwire(0), tripwire(10_000));
    assert_eq!(many.decoys(), few.decoys() + 10_000);
    let (mut all, mut touched) = (0, 0);
    for line in lines() {
        let event: Event<'_> = parse::event(&line).unwrap();
        assert_eq!(few.judge("default", &event), many.judge("default", &event));
        let count = |tripwire: &Tripwire| looks::of(|| touched += tripwire.judge("default", &event).len());
        let [few, many] = [&few, &many].map(count);
        assert_eq!(few, many, "{line}");
        assert!(few < 40, "{few} looks for {line}");
        all += few;
    }
    assert!(all > 0 && touched > 0);
}

#[test]
fn searching_garbage_looks_as_often_for_one_decoy_as_for_ten_thousand() {
    let (few, many) = (tripwire(0), tripwire(10_000));
    let reject = Reject::new(Reason::CutOff, 0, "cut off");
    for line in lines().iter().step_by(50) {
        let raw = &line.as_bytes()[..line.len() / 2];
        let now = jiff::Timestamp::UNIX_EPOCH;
        let judge = |tripwire: &Tripwire| {
            looks::of(|| {
                tripwire.judge_reject("default", &reject, raw, None, now);
            })
        };
        assert_eq!(judge(&few), judge(&many), "{line}");
    }
}
