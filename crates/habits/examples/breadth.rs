//! Measures what a large cluster costs: `breadth [IDENTITIES [FLOOD]]`.
//!
//! So many ServiceAccounts of ordinary breadth, each with pods of its own, a day of their work, and then a flood of names
//! that are never seen again.
#![allow(clippy::print_stdout, reason = "a measurement for the terminal")]

use std::{borrow::Cow, error::Error, fs, time::Instant};

use jiff::Timestamp;
use sundew_habits::{Class, Memory, Seen, Settings, Slots};

/// What a workload does: verb, resource, whether in its namespace, and the object's name.
const WORK: [(&str, &str, bool, &str); 14] = [
    ("get", "/api", false, ""),
    ("list", "configmaps", true, ""),
    ("watch", "configmaps", true, ""),
    ("get", "configmaps", true, "settings"),
    ("list", "pods", true, ""),
    ("watch", "pods", true, ""),
    ("get", "endpointslices.discovery.k8s.io", true, "peers"),
    ("get", "leases.coordination.k8s.io", true, "leader"),
    ("update", "leases.coordination.k8s.io", true, "leader"),
    ("create", "events", true, "leader"),
    ("patch", "deployments.apps/status", true, "web"),
    ("list", "nodes", false, ""),
    ("get", "secrets", true, "database"),
    ("get", "secrets", true, "certificate"),
];

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1).map(|arg| arg.parse::<u32>());
    let identities = args.next().transpose()?.unwrap_or(100_000);
    let flood = args.next().transpose()?.unwrap_or(10_000_000);
    let mut memory = Memory::new(Settings { identities: identities as usize, ..Settings::default() });
    let before = resident()?;
    println!("{} MB before", before / 1000);

    let mut slots: Vec<(Slots, Timestamp)> = Vec::with_capacity(identities as usize * WORK.len());
    let began = Instant::now();
    let mut observed = 0_u64;
    for (hour, pod) in [(0, 0), (0, 1), (30, 0), (30, 1)] {
        for account in 0..identities {
            let time = at(hour, account)?;
            for step in 0..WORK.len() {
                let of_it = memory.observe("large", &request(account, pod, step), time).slots;
                observed += 1;
                if (hour, pod) == (30, 1) {
                    slots.push((of_it, time));
                }
            }
        }
    }
    let each = began.elapsed().as_nanos() / u128::from(observed);
    println!("{observed} requests of {identities} identities: {each} ns each, made and observed");
    let own = slots.len() * size_of::<(Slots, Timestamp)>() / 1000;
    let now = resident()?.saturating_sub(own);
    println!(
        "{} MB with all of them, {} bytes each",
        now / 1000,
        (now - before) * 1000 / identities as usize
    );

    let began = Instant::now();
    let valid = slots.iter().filter(|(slots, time)| memory.again(*slots, *time)).count();
    let each = began.elapsed().as_nanos() / (slots.len() as u128).max(1);
    println!(
        "{valid} of {} once more, each identity far from the last in memory: {each} ns each",
        slots.len()
    );

    let began = Instant::now();
    for number in 0..flood {
        let seen = Seen { user: format!("flood-{number}").into(), class: Class::Human, ..request(0, 0, 3) };
        memory.observe("large", &seen, at(31, number % 3600)?);
    }
    let each = began.elapsed().as_nanos() / u128::from(flood.max(1));
    let (known, forgotten) = (memory.identities().len(), memory.forgotten());
    println!("{flood} names that are never seen again: {each} ns each, {known} known, {forgotten} forgotten");
    println!("{} MB at the end", (resident()? - own) / 1000);
    let kept = memory.take_changed(usize::MAX);
    let bytes: usize = kept.iter().map(|piece| piece.body.len()).sum();
    println!("{} pieces of {} bytes to keep", kept.len(), bytes / kept.len().max(1));
    Ok(())
}

fn request(account: u32, pod: u32, step: usize) -> Seen<'static> {
    let (verb, resource, here, name) = WORK[step];
    let namespace = account / 5;
    let one = account * 2 + pod;
    Seen {
        user: format!("system:serviceaccount:team-{namespace}:service-{account}").into(),
        class: Class::Workload,
        client: format!("service{}/v1.{pod}.0 (linux/amd64) kubernetes/$Format", account % 2_000).into(),
        peer: format!("10.{}.{}.{}", 64 + one / 65_536, one / 256 % 256, one % 256).into(),
        verb: verb.into(),
        resource: resource.into(),
        namespace: if here { format!("team-{namespace}").into() } else { Cow::Borrowed("") },
        name: name.into(),
        refused: false,
        code: 200,
        forced: false,
        pod_uid: Some(format!("9a3c2f10-0000-4000-8000-{one:012x}").into()),
        pod: Some(format!("service-{account}-5d4b7c9f-{pod:05}").into()),
        node: Some(format!("node-{}", one / 256).into()),
        credential: Some(format!("JTI=7b2e1d00-0000-4000-8000-{one:012x}").into()),
    }
}

fn at(hour: i64, second: u32) -> Result<Timestamp, jiff::Error> {
    Timestamp::from_second(1_795_219_200 + hour * 3600 + i64::from(second % 3600))
}

/// What this process has in memory, in kilobytes (`proc(5)`).
fn resident() -> Result<usize, Box<dyn Error>> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").trim().parse()?)
}
