//! How much memory it takes to know which pod has which address in a cluster of 100,000 pods: at most 150 MB.
//!
//! ```text
//! cargo run --release -p sundew-cluster --example pods
//! cargo run --release -p sundew-cluster --example pods -- 250000
//! ```
//!
//! A server in a process of its own generates the pods as they are asked for: some 6 KB of JSON each, with two
//! addresses, over 2,000 nodes. Then it lets 60,000 of them be deleted and made anew one after the other, so that the
//! remembered past is as long as it may be, lists them all once more after a 410, and holds the watch open. The process
//! that watches prints the most memory that it ever held (`VmHWM` of proc(5)), and fails where that is more than 150 MB.
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a measurement for the terminal")]

mod server;

use std::{
    fs,
    io::{BufRead, BufReader},
    process::{Child, Command, ExitCode, Stdio},
    sync::{Arc, RwLock},
    time::{Duration, Instant},
};

use jiff::Timestamp;
use serde_json::json;
use sundew_cluster::{ConnectOptions, Connection, Pods, PodsNews, watch_pods};
use tokio::sync::mpsc;

/// As in the program itself.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const PODS: u32 = 100_000;
/// 150 MB, in KiB.
const MOST_KB: u64 = 150_000_000 / 1024;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let first = arguments.next();
    if first.as_deref() == Some("serve") {
        server::serve(arguments.next().unwrap().parse().unwrap());
        return ExitCode::SUCCESS;
    }
    let count = first.map_or(PODS, |count| count.parse().expect("a number of pods"));
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(measure(count))
}

/// The server, which ends with this process.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

async fn measure(count: u32) -> ExitCode {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["serve", &count.to_string()]).stdout(Stdio::piped());
    let mut server = Server(command.spawn().unwrap());
    let mut url = String::new();
    BufReader::new(server.0.stdout.take().unwrap()).read_line(&mut url).unwrap();

    let connection = connect(url.trim()).await;
    println!("before the first pod:      {:>7} KB", memory("VmHWM"));
    let (pods, (tell, mut news)) = (Arc::<RwLock<Pods>>::default(), mpsc::channel(8));
    let begin = Instant::now();
    tokio::spawn(watch_pods(connection, Arc::clone(&pods), tell));
    let listed = loop {
        if let PodsNews::Listed(listed) = news.recv().await.unwrap() {
            break listed;
        }
    };
    println!("{listed} pods listed:       {:>7} KB at most, {:.1?}", memory("VmHWM"), begin.elapsed());

    let begin = Instant::now();
    let last = server::address(count + server::RENEWED + 1);
    while pods.read().unwrap().at(last, Timestamp::now()).is_empty() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let (running, past, unreadable) = {
        let pods = pods.read().unwrap();
        (pods.len(), pods.past(), pods.unreadable())
    };
    let most = memory("VmHWM");
    println!("{} events, and listed again: {most} KB at most, {:.1?}", 2 * server::RENEWED, begin.elapsed());
    println!(
        "{running} pods run, {past} are remembered, {unreadable} could not be read: {} KB",
        memory("VmRSS")
    );
    match most <= MOST_KB && running as u32 == count + 1 && unreadable == 0 {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

async fn connect(url: &str) -> Connection {
    let kubeconfig = json!({
        "current-context": "x",
        "clusters": [{"name": "c", "cluster": {"server": url}}],
        "users": [{"name": "u", "user": {}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
    });
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("kubeconfig");
    fs::write(&file, kubeconfig.to_string()).unwrap();
    let options = ConnectOptions { kubeconfig: Some(file), ..ConnectOptions::default() };
    Connection::open(options).await.unwrap()
}

/// A line of this process's `/proc/self/status`, in KB.
fn memory(line: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let found = status.lines().find_map(|status| status.strip_prefix(line)?.strip_prefix(':')).unwrap();
    found.trim().trim_end_matches(" kB").parse().unwrap()
}
