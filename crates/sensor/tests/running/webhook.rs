//! The webhook source over real TLS: who may send, what is taken, and what slow, large and broken requests do.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use reqwest::{Client, Method, Response, StatusCode, header};
use rusqlite::Connection;
use rustls::{ClientConfig, RootCertStore, pki_types::ServerName};
use sundew_sensor::{Extras, Patience, Sensor};
use sundew_store::Store;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::common::{
    Probe, Seen, Site, TOKEN, event_list, extras, impatient, inventory, secret_read, theft, theft_at, until,
};

const SOURCE: &str = "type: webhook, name: hook, listen: '127.0.0.1:0', certFile: cert.pem, keyFile: key.pem, maxBody: 1048576";

/// A running receiver and those who are told.
struct Post {
    site: Site,
    sensor: Sensor,
    told: Seen,
    at: SocketAddr,
}

impl Post {
    async fn with(keys: &str, patience: Patience) -> Self {
        let site = Site::new();
        site.certificates();
        let store = Store::open_waiting(&site.path("sundew.db"), Duration::from_millis(20)).unwrap();
        let (sink, told) = Probe::taking("probe");
        let given = Extras { patience, store: Some(store), ..extras(vec![sink]) };
        let config = format!("sources: [{{{SOURCE}, {keys}}}]\nincidents: {{quiet: 1s}}");
        let sensor = site.start_with(&config, given).await;
        let at = sensor.webhook_address().unwrap();
        Self { site, sensor, told, at }
    }

    async fn open() -> Self {
        Self::with("tokenFile: token", impatient()).await
    }

    fn url(&self) -> String {
        format!("https://{}/audit?timeout=30s", self.at)
    }

    fn client(&self) -> Client {
        self.site.client(None)
    }

    /// As the API server posts.
    async fn post(&self, body: impl Into<reqwest::Body>) -> Response {
        self.post_with(&self.client(), body).await
    }

    async fn post_with(&self, client: &Client, body: impl Into<reqwest::Body>) -> Response {
        let request = client.post(self.url()).header(header::CONTENT_TYPE, "application/json");
        request.bearer_auth(TOKEN).body(body).send().await.unwrap()
    }

    /// A connection on which HTTP/1.1 can be written by hand.
    async fn by_hand(&self) -> TlsStream<TcpStream> {
        let mut roots = RootCertStore::empty();
        roots.add(self.site.authority()).unwrap();
        let config = ClientConfig::builder_with_provider(sundew_sensor::provider())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from("127.0.0.1").unwrap();
        let stream = TcpStream::connect(self.at).await.unwrap();
        TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap()
    }

    async fn end(self) -> Site {
        self.sensor.stop().await;
        self.site
    }
}

fn head(length: &str) -> String {
    format!(
        "POST / HTTP/1.1\r\nhost: sundew\r\nauthorization: Bearer {TOKEN}\r\ncontent-type: application/json\r\n{length}\r\n\r\n"
    )
}

/// What comes until the peer closes; a peer that resets has closed.
async fn rest(stream: &mut TlsStream<TcpStream>) -> String {
    let mut answer = Vec::new();
    let mut piece = [0; 4096];
    while let Ok(length @ 1..) = stream.read(&mut piece).await {
        answer.extend_from_slice(&piece[..length]);
    }
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn a_batch_with_the_right_token_is_taken_and_told() {
    let post = Post::open().await;
    let answer = post.post(event_list(&theft(1, "10.0.0.1"))).await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(post.site.findings(), (1, 1), "what was answered with 200 is written");
    until("it is told", || post.told.taken().len() == 1).await;
    assert_eq!(post.told.first().incident.actor.ip.as_deref(), Some("10.0.0.1"));
    post.end().await;
}

#[tokio::test]
async fn without_the_right_token_nothing_is_taken() {
    let post = Post::open().await;
    let request = || {
        let request = post.client().post(post.url()).header(header::CONTENT_TYPE, "application/json");
        request.body(event_list(&theft(1, "10.0.0.1")))
    };
    let wrong = [
        request(),
        request().bearer_auth("0123456789abcdef0123456789abcdeX"),
        request().bearer_auth(""),
        request().header(header::AUTHORIZATION, TOKEN),
        request().header(header::AUTHORIZATION, format!("Basic {TOKEN}")),
    ];
    for request in wrong {
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
        assert!(!answer.text().await.unwrap().contains(TOKEN));
    }
    let site = post.end().await;
    assert_eq!(site.findings(), (0, 0));
}

#[tokio::test]
async fn those_who_are_turned_away_again_and_again_do_not_fill_the_log() {
    let folder = Site::new();
    let log = std::fs::File::create(folder.path("sensor.log")).unwrap();
    let subscriber = tracing_subscriber::fmt().with_writer(Arc::new(log)).with_ansi(false).finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    // With one subscriber alive, a warning that another test's thread comes to first would be off for all of them.
    let _second = tracing::Dispatch::new(tracing_subscriber::registry());
    let post = Post::open().await;
    for _ in 0..20 {
        let mut stream = TcpStream::connect(post.at).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
        // Until it is closed; a peer that resets has closed.
        while let Ok(1..) = stream.read(&mut [0; 64]).await {}
    }
    let client = post.client();
    for _ in 0..20 {
        let answer = client.post(post.url()).bearer_auth("wrong").body("{}").send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    }
    post.end().await;
    let log = std::fs::read_to_string(folder.path("sensor.log")).unwrap();
    let lines: Vec<&str> = log.lines().filter(|line| line.contains("WARN")).collect();
    assert_eq!(lines.len(), 3, "{log}");
    assert!(lines[0].contains("a TLS handshake failed") && lines[0].contains("peer=127.0.0.1"), "{log}");
    assert!(lines[1].contains("the bearer token is missing or wrong"), "{log}");
    assert!(
        lines[2].contains("turned away 38 more") && lines[2].contains("handshakes=19 tokens=19"),
        "{log}"
    );
}

#[tokio::test]
async fn only_json_by_post_is_taken() {
    let post = Post::open().await;
    let client = post.client();
    for kind in ["text/plain", "application/yaml", ""] {
        let request = client.post(post.url()).bearer_auth(TOKEN).header(header::CONTENT_TYPE, kind);
        let answer = request.body(event_list(&theft(1, "10.0.0.1"))).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE, "{kind}");
    }
    let request = client.post(post.url()).bearer_auth(TOKEN);
    let request = request.header(header::CONTENT_TYPE, "Application/JSON; charset=utf-8");
    let answer = request.body(event_list(&theft(1, "10.0.0.1"))).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        let answer = client.request(method, post.url()).bearer_auth(TOKEN).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::METHOD_NOT_ALLOWED);
    }
    post.end().await;
}

/// The most memory that this process ever held, in kilobytes.
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

const ALONE: &str = "SUNDEW_TEST_ALONE";

#[tokio::test]
async fn a_body_of_100_megabytes_is_refused_unread() {
    if std::env::var(ALONE).is_err() {
        // In a process of its own, since the memory of the process is looked at.
        let mut alone = std::process::Command::new(std::env::current_exe().unwrap());
        alone.args(["--exact", "webhook::a_body_of_100_megabytes_is_refused_unread", "--nocapture"]);
        let ran = alone.env(ALONE, "1").output().unwrap();
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        return;
    }
    let post = Post::open().await;
    let before = peak_memory();
    for chunked in [false, true] {
        let mut stream = post.by_hand().await;
        let length = if chunked { "transfer-encoding: chunked" } else { "content-length: 104857600" };
        stream.write_all(head(length).as_bytes()).await.unwrap();
        let (mut reading, mut writing) = tokio::io::split(stream);
        let sending = tokio::spawn(async move {
            let mut piece = vec![b' '; 64 << 10];
            if chunked {
                piece = [b"10000\r\n".as_slice(), &piece, b"\r\n"].concat();
            }
            let mut sent = 0;
            while sent < 100 << 20 && writing.write_all(&piece).await.is_ok() {
                sent += piece.len();
            }
            sent
        });
        let mut answer = Vec::new();
        let mut piece = [0; 4096];
        while let Ok(length @ 1..) = reading.read(&mut piece).await {
            answer.extend_from_slice(&piece[..length]);
        }
        let answer = String::from_utf8(answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 413 "), "chunked {chunked}: {answer:?}");
        assert!(answer.contains("maxBody"), "{answer}");
        let sent = sending.await.unwrap();
        assert!(sent < 30 << 20, "chunked {chunked}: {sent} bytes were taken");
    }
    let grown = peak_memory() - before;
    assert!(grown < 24 << 10, "{grown} kB more");
    let answer = post.post(event_list(&theft(1, "10.0.0.1"))).await;
    assert_eq!(answer.status(), StatusCode::OK, "others are served");
    post.end().await;
}

#[tokio::test]
async fn a_body_just_over_the_limit_is_refused_over_http2_as_well() {
    let post = Post::open().await;
    let body = |size: usize| {
        let mut list = event_list(&theft(1, "10.0.0.1"));
        list.extend(std::iter::repeat_n(' ', size - list.len()));
        list
    };
    let client = post.client();
    assert_eq!(post.post_with(&client, body((1 << 20) + 1)).await.status(), StatusCode::PAYLOAD_TOO_LARGE);
    let answer = post.post_with(&client, body(1 << 20)).await;
    assert_eq!((answer.status(), answer.version()), (StatusCode::OK, reqwest::Version::HTTP_2));
    post.end().await;
}

#[tokio::test]
async fn clients_that_show_no_token_keep_nobody_from_being_served() {
    // So long that nobody is sent away for being slow.
    let patience = Patience { connections: 8, head: Duration::from_secs(600), ..impatient() };
    let post = Post::with("tokenFile: token", patience).await;
    let mut silent = Vec::new();
    // Twice as many as there are places, of each kind.
    for _ in 0..16 {
        silent.push(TcpStream::connect(post.at).await.unwrap());
    }
    let mut headless = Vec::new();
    for _ in 0..16 {
        let mut stream = post.by_hand().await;
        stream.write_all(b"POST / HTTP/1.1\r\nhost: sun").await.unwrap();
        headless.push(stream);
    }
    for n in 0..3 {
        let answer = post.post(event_list(&theft(n, "10.0.0.1"))).await;
        assert_eq!(answer.status(), StatusCode::OK);
    }
    post.end().await;
}

#[tokio::test]
async fn a_client_that_has_shown_its_token_is_not_sent_away_for_others() {
    let patience = Patience { connections: 4, head: Duration::from_secs(600), ..impatient() };
    let post = Post::with("tokenFile: token", patience).await;
    let mut known = post.by_hand().await;
    let request = head("content-length: 2") + "{}";
    known.write_all(request.as_bytes()).await.unwrap();
    let mut answer = [0; 15];
    known.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200 OK");
    let mut silent = Vec::new();
    for _ in 0..12 {
        silent.push(TcpStream::connect(post.at).await.unwrap());
    }
    // The newest guests were let in, so the older ones were asked to leave by now.
    post.by_hand().await;
    known.write_all(request.replace("sundew", "again").as_bytes()).await.unwrap();
    let mut rest = Vec::new();
    while !String::from_utf8_lossy(&rest).contains("HTTP/1.1 200 OK") {
        let mut piece = [0; 256];
        let length = known.read(&mut piece).await.unwrap();
        assert!(length > 0, "the connection was closed: {:?}", String::from_utf8_lossy(&rest));
        rest.extend_from_slice(&piece[..length]);
    }
    post.end().await;
}

#[tokio::test]
async fn slow_clients_are_sent_away_when_their_time_is_over() {
    let post = Post::open().await;
    let mut silent = TcpStream::connect(post.at).await.unwrap();
    let mut headless = post.by_hand().await;
    headless.write_all(b"POST / HTTP/1.1\r\nhost: sun").await.unwrap();
    let mut stalled = post.by_hand().await;
    stalled.write_all(head("content-length: 1000").as_bytes()).await.unwrap();
    stalled.write_all(b"{\"kind\":\"EventList\"").await.unwrap();
    let answer = post.post(event_list(&theft(1, "10.0.0.1"))).await;
    assert_eq!(answer.status(), StatusCode::OK, "others are served meanwhile");
    let told = rest(&mut stalled).await;
    assert!(told.starts_with("HTTP/1.1 408 "), "{told:?}");
    // Each of these ends only when the other side closes.
    rest(&mut headless).await;
    while let Ok(1..) = silent.read(&mut [0; 16]).await {}
    post.end().await;
}

#[tokio::test]
async fn a_receiver_with_slow_clients_stops_soon() {
    let post = Post::with(
        "tokenFile: token",
        Patience { farewell: Duration::from_millis(50), ..Patience::default() },
    );
    let post = post.await;
    let _silent = TcpStream::connect(post.at).await.unwrap();
    let _idle = post.by_hand().await;
    let mut stalled = post.by_hand().await;
    stalled.write_all(head("content-length: 1000").as_bytes()).await.unwrap();
    let at = post.at;
    post.end().await;
    assert!(TcpStream::connect(at).await.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn where_a_client_certificate_is_asked_for_only_the_right_one_is_taken() {
    let post = Post::with("clientCaFile: ca.pem", impatient()).await;
    let send = async |client: Client| {
        let request = client.post(post.url()).header(header::CONTENT_TYPE, "application/json");
        request.body(event_list(&theft(1, "10.0.0.1"))).send().await
    };
    assert!(send(post.site.client(None)).await.is_err(), "no certificate");
    let stranger = Site::new();
    stranger.certificates();
    assert!(send(post.site.client(Some(stranger.identity()))).await.is_err(), "another authority's");
    assert_eq!(post.site.findings(), (0, 0));
    let answer = send(post.site.client(Some(post.site.identity()))).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(post.site.findings(), (1, 1));
    post.end().await;
}

#[tokio::test]
async fn where_both_are_asked_for_both_are_needed() {
    let post = Post::with("clientCaFile: ca.pem, tokenFile: token", impatient()).await;
    let client = post.site.client(Some(post.site.identity()));
    let request = client.post(post.url()).header(header::CONTENT_TYPE, "application/json").body("{}");
    assert_eq!(request.send().await.unwrap().status(), StatusCode::UNAUTHORIZED);
    assert_eq!(post.post_with(&client, event_list(&theft(1, "10.0.0.1"))).await.status(), StatusCode::OK);
    post.end().await;
}

#[tokio::test]
async fn a_body_that_is_no_batch_is_put_aside_and_answered_200() {
    let post = Post::open().await;
    let mut cut = event_list(&theft(1, "10.0.0.1"));
    cut.truncate(cut.find("userAgent").unwrap());
    for body in ["no JSON at all", "{\"kind\":\"Pod\"}", "[1, 2", &cut] {
        assert_eq!(
            post.post(body.to_owned()).await.status(),
            StatusCode::OK,
            "sending it again mends nothing"
        );
    }
    let kept = post.site.store().rejects(10).unwrap();
    let reasons: Vec<&str> = kept.iter().map(|kept| kept.reject.reason.as_str()).collect();
    assert_eq!(reasons, ["cut_off", "cut_off", "not_an_event", "not_json"], "newest first");
    assert!(kept[0].reject.sample.starts_with(b"{\"kind\":\"EventList\""));
    until("the one that names a decoy is told", || post.told.taken().len() == 1).await;
    let incident = post.told.first().incident;
    assert_eq!(incident.decoys[0].name, "honeypot/backup-sa");
    assert_eq!(post.post(event_list(&theft(2, "10.0.0.2"))).await.status(), StatusCode::OK);
    post.end().await;
}

#[tokio::test]
async fn one_bad_event_in_a_batch_hides_no_other() {
    let post = Post::open().await;
    let list = event_list(&theft(1, "10.0.0.1")).replace("\"items\":[", "\"items\":[{\"kind\":7},null,");
    assert_eq!(post.post(list).await.status(), StatusCode::OK);
    assert_eq!(post.site.rules(), ["tripwire.token_used"]);
    post.end().await;
}

#[tokio::test]
async fn while_nothing_can_be_written_the_sender_is_told_to_come_again() {
    let post = Post::open().await;
    let other = Connection::open(post.site.path("sundew.db")).unwrap();
    other.busy_timeout(Duration::from_secs(5)).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let client = post.client();
    let batches: Vec<String> = (0..16).map(|n| event_list(&theft(n, &format!("10.0.0.{n}")))).collect();
    // More than the intake holds: the first are not written in time, the last find no place.
    let mut sending = tokio::task::JoinSet::new();
    for batch in batches.clone() {
        let request = client.post(post.url()).header(header::CONTENT_TYPE, "application/json");
        sending.spawn(request.bearer_auth(TOKEN).body(batch).send());
    }
    for answer in sending.join_all().await {
        let answer = answer.unwrap();
        assert_eq!(answer.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(answer.headers()[header::RETRY_AFTER], "1");
    }
    assert_eq!(post.told.attempts(), 0);
    other.execute_batch("COMMIT").unwrap();
    for batch in batches {
        // As the API server does.
        while post.post_with(&client, batch.clone()).await.status() != StatusCode::OK {}
    }
    until("each is told", || post.told.taken().len() == 16).await;
    let site = post.end().await;
    assert_eq!(site.findings(), (16, 16), "what came twice counts once");
}

#[tokio::test]
async fn a_batch_that_is_posted_twice_is_one_incident_and_one_alert() {
    let post = Post::open().await;
    let batch = event_list(&(theft(1, "10.0.0.1") + &theft(2, "10.0.0.1")));
    for _ in 0..3 {
        assert_eq!(post.post(batch.clone()).await.status(), StatusCode::OK);
    }
    until("it is told", || post.told.taken().len() == 1).await;
    let stored = post.site.store().recent_incidents(9).unwrap();
    assert_eq!((stored.len(), stored[0].incident.findings, stored[0].incident.revision), (1, 2, 1));
    post.end().await;
}

#[tokio::test]
async fn batches_in_any_order_make_one_incident_in_order_of_time() {
    let post = Post::open().await;
    let now = jiff::Timestamp::now();
    let time = |minutes| now.checked_sub(jiff::SignedDuration::from_mins(minutes)).unwrap();
    let late = theft_at(1, "10.0.0.1", time(1)) + &theft_at(2, "10.0.0.1", time(9));
    let early = theft_at(3, "10.0.0.1", time(5)).replace("/api/v1/secrets", "/api/v1/pods")
        + &theft_at(4, "10.0.0.1", time(12)).replace("/api/v1/secrets", "/version");
    for lines in [late, early] {
        assert_eq!(post.post(event_list(&lines)).await.status(), StatusCode::OK);
    }
    let stored = post.site.store().recent_incidents(9).unwrap();
    assert_eq!(stored.len(), 1);
    let incident = &stored[0].incident;
    assert_eq!((incident.findings, incident.first_seen, incident.last_seen), (4, time(12), time(1)));
    assert!(incident.steps.is_sorted_by_key(|step| step.time), "{:#?}", incident.steps);
    post.end().await;
}

#[tokio::test]
async fn a_certificate_and_a_token_that_are_renewed_hold_without_a_restart() {
    let post = Post::open().await;
    assert_eq!(post.post(event_list(&theft(1, "10.0.0.1"))).await.status(), StatusCode::OK);
    // A broken file changes nothing.
    std::fs::write(post.site.path("token"), "short").unwrap();
    assert_eq!(post.post(event_list(&theft(2, "10.0.0.1"))).await.status(), StatusCode::OK);
    post.site.certificates();
    let other = "fedcba9876543210fedcba9876543210";
    std::fs::write(post.site.path("token"), format!("{other}\n")).unwrap();
    let request = post.client().post(post.url()).header(header::CONTENT_TYPE, "application/json");
    let answer =
        request.bearer_auth(other).body(event_list(&secret_read(3, "10.0.0.3"))).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK, "the client trusts the new authority alone");
    assert_eq!(post.post(event_list(&theft(4, "10.0.0.1"))).await.status(), StatusCode::UNAUTHORIZED);
    post.end().await;
}

#[tokio::test]
async fn what_is_wrong_with_its_files_is_said_at_the_start() {
    let site = Site::new();
    site.certificates();
    let config = format!("sources: [{{{SOURCE}, tokenFile: token}}]");
    let said = async || {
        let start = Sensor::start(site.config(&config), &inventory(), Extras::default()).await;
        start.err().unwrap().to_string()
    };
    std::fs::write(site.path("token"), "short\n").unwrap();
    let why = said().await;
    assert!(
        why.starts_with("source `hook`: ") && why.contains("16 characters") && !why.contains("short\n"),
        "{why}"
    );
    std::fs::remove_file(site.path("token")).unwrap();
    let why = said().await;
    assert!(why.contains("cannot read") && why.contains("/token"), "{why}");
    site.certificates();
    std::fs::write(site.path("key.pem"), "nothing").unwrap();
    assert!(said().await.contains("no private key in PEM form"));
    let stranger = Site::new();
    stranger.certificates();
    std::fs::copy(stranger.path("key.pem"), site.path("key.pem")).unwrap();
    let why = said().await;
    assert!(why.contains("do not fit"), "{why}");
}
