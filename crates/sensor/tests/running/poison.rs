//! Input that is no event, through a file: counted, kept aside, told where it names a decoy, and never in the way.

use std::{
    fs,
    process::{Command, Stdio},
    sync::atomic::Ordering,
};

use sundew_detect::Change;
use sundew_sensor::Extras;

use crate::common::{FILE_TO_FILE, Site, TRIPWIRE_ALONE, append, eventually, inventory, theft, until};

/// Waits for the theft that was appended last, and returns the reasons of what was put aside.
async fn reasons_once_told(site: &Site, peer: &str) -> Vec<String> {
    until("the theft behind the bad input is told", || {
        site.alerts().iter().any(|m| m.incident.actor.ip.as_deref() == Some(peer))
    })
    .await;
    site.store().rejects(100).unwrap().into_iter().map(|kept| kept.reject.reason).collect()
}

#[tokio::test]
async fn a_cut_off_line_that_names_a_decoy_is_an_alert_of_its_own() {
    let site = Site::new();
    let sensor = site.start(FILE_TO_FILE).await;
    let line = theft(1, "10.0.0.1");
    let cut = line.find("userAgent").unwrap();
    site.append(&format!("{}\n{}", &line[..cut], theft(2, "10.0.0.2")));
    assert_eq!(reasons_once_told(&site, "10.0.0.2").await, ["cut_off"]);
    let broken = eventually("the broken line is told", || {
        site.alerts().into_iter().find(|m| m.incident.title.contains("broken"))
    })
    .await;
    assert_eq!(broken.incident.decoys[0].name, "honeypot/backup-sa");
    assert_eq!(broken.change, Change::Opened);
    sensor.stop().await;
}

#[tokio::test]
async fn a_broken_line_that_names_no_decoy_is_kept_and_not_told() {
    let site = Site::new();
    let sensor = site.start(FILE_TO_FILE).await;
    site.append(&format!("{{\"kind\":\"Event\",\"audi\nW1121 klog text\n{}", theft(1, "10.0.0.1")));
    assert_eq!(reasons_once_told(&site, "10.0.0.1").await, ["not_json", "cut_off"]);
    assert_eq!(site.findings(), (1, 1));
    sensor.stop().await;
}

#[tokio::test]
async fn two_different_broken_lines_are_two_findings_and_the_same_one_again_is_one() {
    let site = Site::new();
    let broken = |decoy: &str| format!("{{\"note\":\"{decoy}\n");
    site.append(&broken("system:serviceaccount:honeypot:backup-sa"));
    site.append(&broken("system:serviceaccount:honeypot:backup-sa"));
    site.append(&broken("system:serviceaccount:kube-system:tiller"));
    let sensor = site.start(FILE_TO_FILE).await;
    until("all is read", || sensor.counters().rejects.load(Ordering::Relaxed) == 3).await;
    sensor.stop().await;
    let alerts = site.alerts();
    let decoys: Vec<&str> =
        alerts.last().unwrap().incident.decoys.iter().map(|decoy| decoy.name.as_str()).collect();
    assert_eq!(decoys, ["honeypot/backup-sa", "kube-system/tiller"]);
    assert_eq!(site.findings(), (2, 1));
}

#[tokio::test]
async fn a_line_of_20_megabytes_is_searched_and_does_not_stop_the_next() {
    let site = Site::new();
    let mut line = "x".repeat(20 << 20);
    line.insert_str(18 << 20, "\"system:serviceaccount:kube-system:tiller\"");
    site.append(&format!("{line}\n{}", theft(1, "10.0.0.1")));
    let sensor = site.start(FILE_TO_FILE).await;
    assert_eq!(reasons_once_told(&site, "10.0.0.1").await, ["too_long"]);
    let kept = site.store().rejects(1).unwrap().remove(0).reject;
    assert_eq!(kept.bytes, line.len() as u64);
    let unreadable = || -> Vec<_> {
        let alerts = site.alerts().into_iter();
        alerts.filter(|m| m.incident.rules.contains_key("tripwire.unreadable")).collect()
    };
    until("the long line is told", || !unreadable().is_empty()).await;
    sensor.stop().await;
    let unreadable = unreadable();
    assert_eq!(unreadable.len(), 1, "told once, though it came in pieces");
    assert_eq!(unreadable[0].incident.decoys[0].name, "kube-system/tiller");
}

#[tokio::test]
async fn binary_rubbish_is_kept_aside() {
    let site = Site::new();
    let rubbish: Vec<u8> = (0..40_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    append(&site.path("audit.log"), &rubbish);
    site.append(&format!("\n{}", theft(1, "10.0.0.1")));
    let sensor = site.start(FILE_TO_FILE).await;
    let reasons = reasons_once_told(&site, "10.0.0.1").await;
    assert!(reasons.contains(&"binary".to_owned()), "{reasons:?}");
    assert_eq!(site.findings(), (1, 1));
    sensor.stop().await;
}

#[tokio::test]
async fn an_event_with_bytes_that_are_no_utf8_is_read_all_the_same() {
    let site = Site::new();
    let mut line = theft(1, "10.0.0.1").into_bytes();
    let client = line.windows(4).position(|bytes| bytes == b"curl").unwrap();
    line[client..client + 4].copy_from_slice(b"\xff\xfe\x80x");
    append(&site.path("audit.log"), &line);
    let sensor = site.start(FILE_TO_FILE).await;
    assert_eq!(reasons_once_told(&site, "10.0.0.1").await, Vec::<String>::new());
    assert_eq!(site.rules(), ["tripwire.token_used"]);
    sensor.stop().await;
}

#[tokio::test]
async fn parts_of_a_cri_line_are_put_together_across_reads_and_restarts() {
    let site = Site::new();
    let line = theft(1, "10.0.0.1");
    let (first, rest) = line.trim_end().split_at(200);
    let part = |tag: &str, text: &str| format!("2026-11-21T10:00:00.1Z stdout {tag} {text}\n");
    let sensor = site.start(FILE_TO_FILE).await;
    let bytes = |sensor: &sundew_sensor::Sensor| sensor.counters().bytes.load(Ordering::Relaxed);
    let first = part("P", first);
    site.append(&first);
    until("the first part is read", || bytes(&sensor) >= first.len() as u64).await;
    // What is in memory alone is read again after a restart.
    sensor.stop().await;
    let (second, third) = rest.split_at(100);
    let second = part("P", second);
    site.append(&second);
    let sensor = site.start(FILE_TO_FILE).await;
    until("the second is read", || bytes(&sensor) >= (first.len() + second.len()) as u64).await;
    site.append(&part("F", third));
    assert_eq!(reasons_once_told(&site, "10.0.0.1").await, Vec::<String>::new());
    sensor.stop().await;
}

#[tokio::test]
async fn an_empty_file_is_nothing() {
    let site = Site::new();
    site.append("");
    let sensor = site.start(FILE_TO_FILE).await;
    until("it was looked at", || site.store().position("default", "log").unwrap().is_some()).await;
    sensor.stop().await;
    assert_eq!((site.findings(), site.store().rejects(1).unwrap().len()), ((0, 0), 0));
}

const STDIN: &str = "
sources: [{type: stdin, name: in}]
sinks: [{type: file, name: alerts, path: alerts.json}]
";
const SITE: &str = "SUNDEW_TEST_STDIN";

/// The child of the test below; nothing where it is run by itself.
#[tokio::test]
async fn a_sensor_that_reads_standard_input() {
    let Ok(folder) = std::env::var(SITE) else { return };
    let path = std::path::Path::new(&folder).join("sundew.yaml");
    let config = sundew_sensor::Config::read(&format!("version: 1\n{STDIN}{TRIPWIRE_ALONE}"), &path).unwrap();
    let sensor = sundew_sensor::Sensor::start(config, &inventory(), Extras::default()).await.unwrap();
    sensor.ended().await;
    sensor.stop().await;
}

#[tokio::test]
async fn standard_input_is_read_to_its_end_and_then_the_sensor_has_ended() {
    let site = Site::new();
    let mut input = theft(1, "10.0.0.1");
    input.push_str(&"y".repeat(17 << 20));
    input.push('\n');
    // The last line lacks its newline.
    input.push_str(theft(2, "10.0.0.2").trim_end());
    fs::write(site.path("input"), input).unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "poison::a_sensor_that_reads_standard_input"])
        .env(SITE, site.path(""))
        .stdin(fs::File::open(site.path("input")).unwrap())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let status = eventually("it ends by itself", || child.try_wait().unwrap()).await;
    assert!(status.success());
    let peers: Vec<_> = site.alerts().into_iter().filter_map(|m| m.incident.actor.ip).collect();
    assert_eq!(peers, ["10.0.0.1", "10.0.0.2"]);
    assert_eq!(site.store().rejects(9).unwrap()[0].reject.reason, "too_long");
}
