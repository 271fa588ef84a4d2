//! A sensor that is killed at any moment loses nothing, and repeats at most what it was about to note.

use std::{
    collections::HashMap,
    process::{Child, Command, Stdio},
    time::Duration,
};

use sundew_detect::Change;
use sundew_sensor::{Config, Extras, Sensor};

use crate::common::{FILE_TO_FILE, Site, TRIPWIRE_ALONE, inventory, keys, theft, until};

const SITE: &str = "SUNDEW_TEST_KILL";
const ROUNDS: u32 = 10;

/// The child of the test below, which runs until it is killed; nothing where it is run by itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sensor_that_waits_to_be_killed() {
    let Ok(folder) = std::env::var(SITE) else { return };
    let path = std::path::Path::new(&folder).join("sundew.yaml");
    let config = Config::read(&format!("version: 1\n{FILE_TO_FILE}{TRIPWIRE_ALONE}"), &path).unwrap();
    let _sensor = Sensor::start(config, &inventory(), Extras::default()).await.unwrap();
    std::future::pending::<()>().await;
}

fn run(site: &Site) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "kill::a_sensor_that_waits_to_be_killed"])
        .env(SITE, site.path(""))
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

#[tokio::test]
async fn a_sensor_killed_again_and_again_tells_of_every_theft() {
    let site = Site::new();
    let mut written = 0;
    for round in 0..ROUNDS {
        let mut child = run(&site);
        // Until the child has read something it is not worth killing, and afterwards any moment is as good.
        let before = site.alerts().len();
        let moment = Duration::from_micros(fastrand::u64(0..60_000));
        let mut more = || {
            site.append(&theft(written, &format!("10.0.{round}.{}", written % 7)));
            written += 1;
        };
        until("the child works", || {
            more();
            site.alerts().len() > before
        })
        .await;
        let until_killed = std::time::Instant::now() + moment;
        while std::time::Instant::now() < until_killed {
            more();
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let mut last = run(&site);
    until("every theft is in an incident", || site.findings().0 == u64::from(written)).await;
    let incidents = site.store().recent_incidents(1000).unwrap();
    until("every incident is told", || {
        let alerts = site.alerts();
        incidents.iter().all(|stored| alerts.iter().any(|m| m.incident.id == stored.incident.id))
    })
    .await;
    last.kill().unwrap();
    last.wait().unwrap();

    let alerts = site.alerts();
    let mut times: HashMap<String, usize> = HashMap::new();
    alerts.iter().for_each(|message| *times.entry(message.key()).or_default() += 1);
    let repeats: usize = times.values().map(|n| n - 1).sum();
    assert!(repeats <= ROUNDS as usize, "{repeats} repeats in {ROUNDS} kills: {:?}", keys(&alerts));
    let opened = alerts.iter().filter(|m| m.change == Change::Opened).count();
    assert!(opened >= incidents.len(), "each begins with a message that says so");
}
