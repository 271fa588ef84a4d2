//! A process that is killed in the middle of its work leaves position and outbox in agreement.

use std::{
    collections::hash_map::RandomState,
    hash::{BuildHasher, Hasher},
    io::{BufRead, BufReader, Read},
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use sundew_store::{Opened, Store};

use crate::given::{at, step};

const CHILD: &str = "SUNDEW_TEST_STORE_TO_COMMIT_TO";
const ROUNDS: u64 = 20;

#[test]
fn position_and_outbox_agree_however_often_the_writer_is_killed() {
    if let Some(path) = std::env::var_os(CHILD) {
        return commit_until_killed(Path::new(&path));
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sundew.db");
    let mut last = 0;
    for round in 0..ROUNDS {
        let acknowledged = kill_a_writer(&path);
        let (store, opened) = Store::open(&path).unwrap();
        assert_eq!(opened, Opened::Existing, "round {round}");
        let position = store.position("prod", "log").unwrap().unwrap()["offset"].as_u64().unwrap();
        assert!(position >= acknowledged.max(last), "{acknowledged} was acknowledged, {position} is there");

        let expected: Vec<_> = (1..=position).map(|n| format!("incident-{n:06}")).collect();
        let owed = store.due("slack", at(0), usize::MAX).unwrap();
        assert!(owed.iter().map(|m| &m.incident_id).eq(&expected), "round {round}, position {position}");
        let open = store.open_incidents().unwrap();
        assert!(open.iter().map(|s| &s.incident.id).eq(&expected), "round {round}, position {position}");
        assert_eq!(store.counters().unwrap(), [("events".to_owned(), position)]);
        last = position;
    }
    assert!(last >= ROUNDS, "every round waits for a commit");
}

/// Starts a writer, kills it at a random moment after its first commit, and returns the last commit it saw return.
fn kill_a_writer(path: &Path) -> u64 {
    let this_test = "crash::position_and_outbox_agree_however_often_the_writer_is_killed";
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([this_test, "--exact", "--nocapture"])
        .env(CHILD, path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut said = String::new();
    while !said.contains("committed ") {
        assert_ne!(output.read_line(&mut said).unwrap(), 0, "the writer ended on its own: {said}");
    }
    std::thread::sleep(Duration::from_micros(random() % 20_000));
    child.kill().unwrap();
    child.wait().unwrap();
    output.read_to_string(&mut said).unwrap();
    // The last line may be cut short.
    let whole = said.rfind('\n').map_or("", |end| &said[..end]);
    whole.lines().filter_map(|line| line.rsplit_once("committed ")?.1.parse().ok()).max().unwrap()
}

fn commit_until_killed(path: &Path) {
    let (mut store, _) = Store::open(path).unwrap();
    let position = store.position("prod", "log").unwrap();
    let mut n = position.map_or(0, |at| at["offset"].as_u64().unwrap());
    loop {
        n += 1;
        store.commit(&step(n)).unwrap();
        println!("committed {n}");
    }
}

fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}
