//! The time from a line being written to the sink having it: a file source, the store on disk, and a webhook sink
//! with a receiver on this machine.
//!
//! Every tenth line is the use of a decoy's token by a new peer, so that each opens an incident of its own and none
//! waits as an update would. The others are ordinary. Prints the median, the 99th percentile and the worst.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark stops where it cannot go on")]

use std::{
    fs::OpenOptions,
    io::Write,
    path::Path,
    time::{Duration, Instant},
};

use axum::{Router, body::Bytes, extract::State, routing::post};
use sundew_decoy::{Decoy, Inventory};
use sundew_sensor::{Config, Extras, Sensor};
use tokio::sync::mpsc;

/// How many uses of the decoy are measured.
const USES: usize = 500;
/// Lines a second.
const RATE: u64 = 1000;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let (arrived, mut arrivals) = mpsc::unbounded_channel();
    let app = Router::new().route("/", post(receive)).with_state(arrived);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });

    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("audit.log");
    std::fs::write(&log, "").unwrap();
    let text = format!(
        "{{version: 1, sources: [{{type: file, name: audit, path: audit.log}}],
          sinks: [{{type: webhook, name: receiver, url: 'http://{address}/'}}]}}"
    );
    let config = Config::read(&text, &folder.path().join("sundew.yaml")).unwrap();
    let decoy = Decoy::from_argument("honeypot/backup-sa:backup-sa-token").unwrap();
    let inventory = Inventory::of("default", vec![decoy], vec![]).unwrap();
    let sensor = Sensor::start(config, &inventory, Extras::default()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await;

    let writer = std::thread::spawn(move || write(&log));
    let mut came = vec![None; USES];
    while came.iter().any(Option::is_none) {
        let (number, at): (usize, Instant) =
            tokio::time::timeout(Duration::from_secs(60), arrivals.recv()).await.unwrap().unwrap();
        came[number].get_or_insert(at);
    }
    let wrote = writer.join().unwrap();
    let mut took: Vec<Duration> = wrote.iter().zip(&came).map(|(w, c)| c.unwrap() - *w).collect();
    took.sort_unstable();
    let at = |share: f64| took[((took.len() - 1) as f64 * share).round() as usize].as_secs_f64() * 1e3;
    println!(
        "line written to sink reached, {USES} alerts among {RATE} lines a second: median {:.1} ms, p99 {:.1} ms, worst {:.1} ms",
        at(0.5),
        at(0.99),
        at(1.0)
    );
    sensor.stop().await;
}

async fn receive(State(arrived): State<mpsc::UnboundedSender<(usize, Instant)>>, body: Bytes) {
    let now = Instant::now();
    let message: serde_json::Value = serde_json::from_slice(&body).unwrap();
    let ip = message["incident"]["actor"]["ip"].as_str().unwrap();
    let parts: Vec<usize> = ip.split('.').map(|p| p.parse().unwrap()).collect();
    let _ = arrived.send((parts[2] * 250 + parts[3], now));
}

/// Writes the log at its rate; returns when each use of the decoy was written.
fn write(log: &Path) -> Vec<Instant> {
    let mut file = OpenOptions::new().append(true).open(log).unwrap();
    let gap = Duration::from_micros(1_000_000 / RATE);
    let mut next = Instant::now();
    let mut wrote = Vec::new();
    for number in 0..USES * 10 {
        next += gap;
        std::thread::sleep(next.saturating_duration_since(Instant::now()));
        let used = number % 10 == 9;
        let line = event(number, used.then_some(wrote.len()));
        let now = Instant::now();
        file.write_all(line.as_bytes()).unwrap();
        if used {
            wrote.push(now);
        }
    }
    wrote
}

fn event(number: usize, use_of_decoy: Option<usize>) -> String {
    let (user, ip) = match use_of_decoy {
        Some(n) => {
            ("system:serviceaccount:honeypot:backup-sa".into(), format!("10.66.{}.{}", n / 250, n % 250))
        }
        None => (format!("system:serviceaccount:shop:orders-{}", number % 7), "10.1.2.3".to_owned()),
    };
    let event = serde_json::json!({
        "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "Metadata", "auditID": format!("id-{number}"),
        "stage": "ResponseComplete", "requestURI": "/api/v1/pods", "verb": "list", "user": {"username": user},
        "sourceIPs": [ip], "userAgent": "curl/8.5.0", "objectRef": {"resource": "pods", "apiVersion": "v1"},
        "responseStatus": {"metadata": {}, "code": 403}, "requestReceivedTimestamp": "2026-11-20T22:11:22.676439Z",
        "stageTimestamp": "2026-11-20T22:11:22.676439Z",
    });
    format!("{event}\n")
}
