//! The API server's audit webhook: batches of events over TLS, from those who show a token or a certificate.
//!
//! The API server drops what it cannot deliver, and any answer but 2xx is tried again five times over about 80
//! seconds. So a batch is answered as soon as what it means is written; on overload the answer is 429 at once; and a
//! body that is no batch is put aside and answered 200, since sending it again would not make it better.

mod strangers;

use std::{
    collections::VecDeque,
    convert::Infallible,
    io,
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{
    Extension, Router,
    body::{Body, HttpBody},
    extract::State,
    http::{HeaderMap, HeaderValue, Request, StatusCode, header},
    response::{IntoResponse, Response},
    routing::post,
};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use thiserror::Error;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, oneshot},
    task::JoinHandle,
    time::timeout,
};
use tokio_rustls::server::TlsStream;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use self::strangers::{Strangers, Why};
use crate::{
    config::WebhookSource,
    intake::{Batch, Input, Intake, Origin, Payload},
    patience::Patience,
    tls::{Credentials, TlsError},
};

/// How many bytes of bodies are in memory at a time.
const MAX_HELD: usize = 64 << 20;

/// A running receiver.
#[derive(Debug)]
pub(crate) struct Receiver {
    stop: CancellationToken,
    task: JoinHandle<()>,
    /// Where it listens, with the port that the system chose where the configuration says 0.
    pub(crate) address: std::net::SocketAddr,
}

struct Shared {
    origin: Arc<Origin>,
    intake: Intake,
    credentials: Credentials,
    strangers: Strangers,
    max_body: usize,
    held: Arc<Semaphore>,
    patience: Patience,
}

/// A connection. Until it has shown that it may send, it is the first to go where there are too many.
#[derive(Debug)]
struct Guest {
    peer: IpAddr,
    known: AtomicBool,
    leave: CancellationToken,
}

impl Receiver {
    /// Starts to listen.
    pub(crate) async fn start(
        source: &WebhookSource,
        origin: Origin,
        intake: Intake,
        patience: Patience,
    ) -> Result<Self, TlsError> {
        let credentials = Credentials::read(source)?;
        let listen = |error| TlsError::Listen { address: source.listen, source: error };
        let listener = TcpListener::bind(source.listen).await.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        let shared = Arc::new(Shared {
            origin: Arc::new(origin),
            intake,
            credentials,
            strangers: Strangers::new(&source.name),
            max_body: source.max_body,
            held: Arc::new(Semaphore::new(MAX_HELD.max(source.max_body))),
            patience,
        });
        let app = Router::new().route("/", post(receive)).route("/{*path}", post(receive));
        let app = app.with_state(Arc::clone(&shared));
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let task = tokio::spawn(async move {
            let summing = shared.strangers.sum_up_each_minute(stopped.clone());
            tokio::join!(serve(listener, &shared, app, stopped.clone()), summing);
            shared.strangers.sum_up();
        });
        tracing::info!(source = source.name, %address, "listening for the API server's audit webhook");
        Ok(Self { stop, task, address })
    }

    /// Takes no new request, finishes those at hand, and ends.
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        // The task ends by itself; one that panicked has ended too.
        let _ = self.task.await;
    }
}

async fn serve(listener: TcpListener, shared: &Arc<Shared>, app: Router, stop: CancellationToken) {
    let patience = shared.patience;
    let places = Arc::new(Semaphore::new(patience.connections));
    let mut guests: VecDeque<Arc<Guest>> = VecDeque::new();
    let tasks = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        let (stream, address) = match accepted {
            Ok(accepted) => accepted,
            // Out of file descriptors, or a connection that went before it came.
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        // Only what is still there and has shown nothing yet can be asked to leave.
        guests.retain(|guest| Arc::strong_count(guest) > 1 && !guest.known.load(Ordering::Relaxed));
        if places.available_permits() == 0
            && let Some(oldest) = guests.pop_front()
        {
            let what = "too many connections; the oldest that has shown no right to be here is closed";
            shared.strangers.turn_away(oldest.peer, Why::Crowd, what);
            oldest.leave.cancel();
        }
        let place = tokio::select! {
            () = stop.cancelled() => break,
            place = Arc::clone(&places).acquire_owned() => place,
        };
        // The semaphore is never closed.
        let Ok(place) = place else { break };
        let guest = Arc::new(Guest {
            peer: address.ip(),
            known: AtomicBool::new(false),
            leave: CancellationToken::new(),
        });
        guests.push_back(Arc::clone(&guest));
        let app = app.clone().layer(Extension(Arc::clone(&guest)));
        let serving = connection(stream, Arc::clone(shared), Arc::clone(&guest), app, stop.clone());
        tasks.spawn(async move {
            let _place = place;
            tokio::select! {
                () = guest.leave.cancelled() => {}
                () = serving => {}
            }
        });
    }
    // Who comes now had better be refused, and try again, than wait for nobody.
    drop(listener);
    tasks.close();
    // Clients that hold a connection open without a request are not waited for.
    let _ = timeout(patience.farewell, tasks.wait()).await;
}

async fn connection(
    stream: TcpStream,
    shared: Arc<Shared>,
    guest: Arc<Guest>,
    app: Router,
    stop: CancellationToken,
) {
    let patience = shared.patience.head;
    let shaken = tokio::select! {
        () = stop.cancelled() => return,
        shaken = shake_hands(stream, &shared) => shaken,
    };
    let stream = match shaken {
        Ok(stream) => stream,
        Err(what) => return shared.strangers.turn_away(guest.peer, Why::Handshake, &what),
    };
    let service = hyper_util::service::TowerToHyperService::new(app);
    let mut server = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
    server.http1().timer(TokioTimer::new()).header_read_timeout(patience);
    server
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(16)
        .keep_alive_interval(Duration::from_secs(30));
    let serving = server.serve_connection(TokioIo::new(stream), service);
    tokio::pin!(serving);
    let ended = tokio::select! {
        ended = serving.as_mut() => ended,
        () = stop.cancelled() => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended badly");
    }
}

async fn shake_hands(stream: TcpStream, shared: &Shared) -> Result<TlsStream<TcpStream>, String> {
    match timeout(shared.patience.head, shared.credentials.acceptor().accept(stream)).await {
        Ok(shaken) => shaken.map_err(|error| format!("a TLS handshake failed: {error}")),
        Err(_) => Err("a TLS handshake took too long".to_owned()),
    }
}

async fn receive(
    State(shared): State<Arc<Shared>>,
    Extension(guest): Extension<Arc<Guest>>,
    request: Request<Body>,
) -> Result<Response, Infallible> {
    Ok(match shared.take(request, &guest).await {
        Ok(()) => StatusCode::OK.into_response(),
        Err(refusal) => {
            shared.note(&refusal, &guest);
            refusal.into_response()
        }
    })
}

/// Why a request is not taken.
#[derive(Debug, Error)]
enum Refusal {
    #[error("the bearer token is missing or wrong")]
    Unauthorized,
    #[error("send application/json")]
    NotJson,
    #[error("the body is larger than {0} bytes; raise `maxBody`, or lower --audit-webhook-batch-max-size")]
    TooLarge(usize),
    #[error("the body took too long")]
    TooSlow,
    #[error("the body broke off")]
    Broken,
    #[error("busy; send it again")]
    Busy,
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = match self {
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::NotJson => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::Broken => StatusCode::BAD_REQUEST,
            Self::Busy => StatusCode::TOO_MANY_REQUESTS,
        };
        let mut response = (status, self.to_string()).into_response();
        if status == StatusCode::TOO_MANY_REQUESTS {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

impl Shared {
    async fn take(&self, request: Request<Body>, guest: &Guest) -> Result<(), Refusal> {
        if !self.may(request.headers()) {
            return Err(Refusal::Unauthorized);
        }
        guest.known.store(true, Ordering::Relaxed);
        if !is_json(request.headers()) {
            return Err(Refusal::NotJson);
        }
        let body = request.into_body();
        let announced = body.size_hint().exact().or(body.size_hint().upper());
        if announced.is_some_and(|size| size > self.max_body as u64) {
            return Err(Refusal::TooLarge(self.max_body));
        }
        // A body that does not say how large it is may be as large as is allowed.
        let size = announced.and_then(|size| usize::try_from(size).ok()).unwrap_or(self.max_body);
        let permits = u32::try_from(size).unwrap_or(u32::MAX);
        let held = Arc::clone(&self.held).try_acquire_many_owned(permits).map_err(|_| Refusal::Busy)?;
        let bytes = match timeout(self.patience.body, axum::body::to_bytes(body, self.max_body)).await {
            Err(_) => return Err(Refusal::TooSlow),
            Ok(Ok(bytes)) => bytes,
            Ok(Err(error)) => return Err(refused_body(&error, self.max_body)),
        };
        let (done, written) = oneshot::channel();
        let mut batch = Batch::new(&self.origin, Payload::Document(bytes.into()));
        batch.done = Some(done);
        let handed = timeout(self.patience.place, self.intake.send(Input::Batch(batch))).await;
        if !matches!(handed, Ok(Ok(()))) {
            return Err(Refusal::Busy);
        }
        let written = timeout(self.patience.write, written).await;
        drop(held);
        match written {
            Ok(Ok(())) => Ok(()),
            _ => Err(Refusal::Busy),
        }
    }

    fn note(&self, refusal: &Refusal, guest: &Guest) {
        let what = format!("an audit webhook request was refused: {refusal}");
        match refusal {
            Refusal::Unauthorized => self.strangers.turn_away(guest.peer, Why::Token, &what),
            _ => tracing::warn!(source = self.origin.source, "{what}"),
        }
    }

    fn may(&self, headers: &HeaderMap) -> bool {
        let Some(token) = self.credentials.token() else { return true };
        let shown =
            headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let (scheme, shown) = shown.split_once(' ').unwrap_or_default();
        // Compared in constant time over digests, so that neither content nor length can be guessed byte by byte.
        let digest = |text: &str| aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
        let same = aws_lc_rs::constant_time::verify_slices_are_equal(
            digest(shown.trim()).as_ref(),
            digest(&token).as_ref(),
        );
        scheme.eq_ignore_ascii_case("bearer") && same.is_ok()
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}

fn refused_body(error: &axum::Error, limit: usize) -> Refusal {
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = cause {
        if error.to_string() == "length limit exceeded" {
            return Refusal::TooLarge(limit);
        }
        if error.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::TimedOut) {
            return Refusal::TooSlow;
        }
        cause = error.source();
    }
    Refusal::Broken
}
