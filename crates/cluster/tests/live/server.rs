//! An API server of the test's own that can also stream, stall and cut: one request a connection.

use std::{
    collections::HashMap,
    fs,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use sundew_cluster::{ClusterError, ConnectOptions, Connection, Patience};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// A request that came.
#[derive(Clone, Debug)]
pub struct Asked {
    pub method: String,
    pub path: String,
    pub query: HashMap<String, String>,
    /// Names in small letters.
    pub headers: HashMap<String, String>,
    pub body: Value,
    pub at: Instant,
    /// How many with this method came to this path before, watches apart.
    pub nth: usize,
}

impl Asked {
    pub fn query(&self, name: &str) -> &str {
        self.query.get(name).map_or("", String::as_str)
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    pub fn watches(&self) -> bool {
        self.query("watch") == "true"
    }
}

/// What is answered.
pub enum Reply {
    /// A whole answer; more headers end with `\r\n` each.
    Whole(u16, &'static str, String),
    /// Lines, one chunk each, and what comes then.
    Lines(Vec<String>, Then),
    /// The connection ends with no answer.
    Nothing,
}

/// What follows the lines of a stream.
#[derive(Clone, Copy)]
pub enum Then {
    /// Nothing, for as long as the client listens.
    Hold,
    /// The stream ends as it should.
    End,
    /// The connection breaks in the middle of a line.
    Cut,
    /// A line begins and never ends.
    Flood,
}

pub fn ok(value: &Value) -> Reply {
    Reply::Whole(200, "", value.to_string())
}

pub fn status(code: u16, message: &str) -> Reply {
    failure(code, "", message, "")
}

pub fn failure(code: u16, reason: &str, message: &str, headers: &'static str) -> Reply {
    let status = json!({"kind": "Status", "code": code, "reason": reason, "message": message});
    Reply::Whole(code, headers, status.to_string())
}

pub fn event(kind: &str, object: &Value) -> String {
    json!({"type": kind, "object": object}).to_string()
}

type Answer = dyn Fn(&Asked) -> Reply + Send + Sync;

/// The server, and a kubeconfig that names it.
pub struct Server {
    folder: TempDir,
    url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    accepting: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Server {
    pub async fn start(answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (answer, kept): (Arc<Answer>, _) = (Arc::new(answer), Arc::clone(&asked));
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&answer), Arc::clone(&kept)));
            }
        });
        let folder = tempfile::tempdir().unwrap();
        let server = Self { folder, url, asked, accepting };
        server.let_in(&json!({"token": "a-bearer-token", "as": "somebody-else"}));
        server
    }

    /// Writes a kubeconfig with this user.
    pub fn let_in(&self, user: &Value) {
        let kubeconfig = json!({
            "current-context": "test",
            "clusters": [{"name": "c", "cluster": {"server": self.url}}],
            "users": [{"name": "u", "user": user}],
            "contexts": [{"name": "test", "context": {"cluster": "c", "user": "u"}}],
        });
        fs::write(self.path("kubeconfig"), kubeconfig.to_string()).unwrap();
    }

    /// A file beside the kubeconfig.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub async fn open(&self) -> Connection {
        self.open_in(None).await.unwrap()
    }

    /// Opens it; with a limit on credential plugins, as where nobody sits at a terminal.
    pub async fn open_in(&self, unattended: Option<Duration>) -> Result<Connection, ClusterError> {
        let patience = Patience {
            request: Duration::from_secs(30),
            retries: 2,
            first_wait: Duration::from_millis(1),
            longest_wait: Duration::from_millis(5),
        };
        let kubeconfig = Some(self.path("kubeconfig"));
        Connection::open(ConnectOptions { kubeconfig, context: None, patience, unattended }).await
    }

    /// What was asked for, but for the version.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().iter().filter(|asked| asked.path != "/version").cloned().collect()
    }
}

async fn serve(mut stream: TcpStream, answer: Arc<Answer>, kept: Arc<Mutex<Vec<Asked>>>) {
    let Some(mut asked) = read(&mut stream).await else { return };
    {
        let mut kept = kept.lock().unwrap();
        let same = |before: &&Asked| {
            (&before.method, &before.path, before.watches()) == (&asked.method, &asked.path, asked.watches())
        };
        asked.nth = kept.iter().filter(same).count();
        kept.push(asked.clone());
    }
    let reply = match asked.path.as_str() {
        "/version" => ok(&json!({"gitVersion": "v1.36.2"})),
        _ => answer(&asked),
    };
    // The client may have gone.
    let _ = write(&mut stream, reply).await;
}

async fn read(stream: &mut TcpStream) -> Option<Asked> {
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break at;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let text = String::from_utf8(bytes[..head].to_vec()).unwrap();
    let mut lines = text.split("\r\n");
    let mut first = lines.next()?.split(' ');
    let (method, target) = (first.next()?.to_owned(), first.next()?.to_owned());
    let headers: HashMap<_, _> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let length: usize = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
    while bytes.len() < head + 4 + length {
        stream.read_buf(&mut bytes).await.ok()?;
    }
    let body = serde_json::from_slice(&bytes[head + 4..]).unwrap_or_default();
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let query = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    Some(Asked { method, path: path.to_owned(), query, headers, body, at: Instant::now(), nth: 0 })
}

async fn write(stream: &mut TcpStream, reply: Reply) -> std::io::Result<()> {
    let (lines, then) = match reply {
        Reply::Nothing => return Ok(()),
        Reply::Whole(code, headers, body) => {
            let head = format!(
                "HTTP/1.1 {code} X\r\nconnection: close\r\n{headers}content-length: {}\r\n\r\n{body}",
                body.len()
            );
            stream.write_all(head.as_bytes()).await?;
            return stream.shutdown().await;
        }
        Reply::Lines(lines, then) => (lines, then),
    };
    stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n").await?;
    for line in lines {
        chunk(stream, &format!("{line}\n")).await?;
    }
    match then {
        // Reads until the client goes.
        Then::Hold => drop(stream.read(&mut [0]).await?),
        Then::End => {
            stream.write_all(b"0\r\n\r\n").await?;
            stream.shutdown().await?;
        }
        Then::Cut => chunk(stream, "{\"type\":\"MODI").await?,
        Then::Flood => loop {
            chunk(stream, &"x".repeat(1 << 16)).await?;
        },
    }
    Ok(())
}

async fn chunk(stream: &mut TcpStream, text: &str) -> std::io::Result<()> {
    stream.write_all(format!("{:x}\r\n{text}\r\n", text.len()).as_bytes()).await
}
