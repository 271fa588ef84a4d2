//! One request: with a time limit, a size limit, and patience with a server that is busy.

use std::{sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use http_body_util::BodyExt;
use kube::{Client, client::Body};
use serde::Deserialize;

use crate::{
    clock::Clock,
    connect::Plugin,
    trouble::{Reason, cut, of_kube},
};

/// Plain JSON, whatever the object.
pub(crate) const JSON: &str = "application/json";
/// Only metadata, and no other form in its stead: a server that does not know it answers 406
/// (meta.k8s.io/v1 `PartialObjectMetadataList`).
pub(crate) const METADATA: &str = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";
/// The metadata of one object, and no other form in its stead.
pub(crate) const METADATA_OF_ONE: &str = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";
const AGENT: &str = concat!("sundew/", env!("CARGO_PKG_VERSION"));
/// The most bytes of an error's body that are read.
const ERROR_BYTES: usize = 64 << 10;
/// How often a request is sent again after silence or a broken connection: each can cost the whole time limit.
const TRANSPORT_RETRIES: u32 = 1;

/// How long a server is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// How long one request may take, with its whole answer.
    pub request: Duration,
    /// How often a request is sent again that was answered 429, 500, 502, 503 or 504.
    pub retries: u32,
    /// How long is waited before the first of these; each further one waits twice as long.
    pub first_wait: Duration,
    /// The longest wait, also where the server asks for a longer one.
    pub longest_wait: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            request: Duration::from_secs(60),
            retries: 5,
            first_wait: Duration::from_millis(250),
            longest_wait: Duration::from_secs(30),
        }
    }
}

impl Patience {
    /// How long to wait before retry number `retry`, from 0.
    fn wait(&self, retry: u32, asked: Option<Duration>) -> Duration {
        let doubled = self.first_wait.saturating_mul(2_u32.saturating_pow(retry));
        doubled.max(asked.unwrap_or_default()).min(self.longest_wait)
    }
}

/// Why one request brought nothing.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// The server has no such path, or no such object.
    NotFound { message: String },
    /// There is an object of that name already (409 `AlreadyExists`).
    Taken,
    /// What a list was to go on from is too old. The token, if the server gave one, goes on from a newer state.
    Gone { token: Option<String> },
    /// The answer is larger than allowed.
    TooLarge,
    /// Anything else.
    Because(Reason),
}

impl Refusal {
    /// The same as a reason, where `limit` was the most bytes that the answer could have.
    pub(crate) fn into_reason(self, limit: usize) -> Reason {
        match self {
            Self::NotFound { message } => Reason::Refused { status: 404, message },
            Self::Taken => Reason::Refused { status: 409, message: "it is there already".into() },
            Self::Gone { .. } => Reason::Expired,
            Self::TooLarge => Reason::TooLarge { limit },
            Self::Because(reason) => reason,
        }
    }
}

/// One answer that is no success.
struct Attempt {
    refusal: Refusal,
    again: Again,
}

/// Whether, and when, to send a request again.
enum Again {
    Never,
    /// The server said that it did not take it up.
    AfterRefusal {
        asked: Duration,
    },
    /// The server may have begun with it.
    AfterStatus {
        asked: Option<Duration>,
    },
    AfterTransport,
}

/// A request.
#[derive(Clone, Copy)]
pub(crate) struct Call<'c> {
    pub(crate) method: &'c Method,
    /// Path and query.
    pub(crate) path: &'c str,
    pub(crate) accept: &'c str,
    /// What is sent, and its type.
    pub(crate) body: Option<(&'static str, &'c Bytes)>,
    /// The most bytes that the answer may have, unpacked.
    pub(crate) limit: usize,
    /// Whether a second one does what the first one did. Else it is sent again only where the server said that it did
    /// not take it up.
    pub(crate) repeatable: bool,
}

/// Gives the user agent of each request: it may change with time.
pub type Agent = Arc<dyn Fn() -> String + Send + Sync>;

/// The user agent of what reads a cluster for a scan.
pub(crate) fn usual_agent() -> Agent {
    Arc::new(|| AGENT.to_owned())
}

/// Sends requests.
#[derive(Clone)]
pub(crate) struct Asker {
    pub(crate) client: Client,
    /// Where the credential comes from, unless the client has it.
    pub(crate) plugin: Option<Arc<Plugin>>,
    pub(crate) patience: Patience,
    /// Whether silence and broken connections are worth another try.
    pub(crate) known_good: bool,
    pub(crate) agent: Agent,
    pub(crate) clock: Arc<Clock>,
}

impl Asker {
    /// Asks for `path`, again where that helps.
    pub(crate) async fn get(&self, path: &str, accept: &str, limit: usize) -> Result<Bytes, Refusal> {
        let method = &Method::GET;
        self.call(Call { method, path, accept, body: None, limit, repeatable: true }).await
    }

    /// Sends a request, again where that helps and does no harm.
    pub(crate) async fn call(&self, call: Call<'_>) -> Result<Bytes, Refusal> {
        let (mut busy, mut broken) = (0, 0);
        loop {
            let failed = match self.once(call).await {
                Ok(body) => return Ok(body),
                Err(failed) => failed,
            };
            let asked = match failed.again {
                Again::AfterRefusal { asked } => Some(Some(asked)),
                Again::AfterStatus { asked } if call.repeatable => Some(asked),
                _ => None,
            };
            let wait = match (asked, failed.again) {
                (Some(asked), _) if busy < self.patience.retries => {
                    busy += 1;
                    self.patience.wait(busy - 1, asked)
                }
                (None, Again::AfterTransport)
                    if call.repeatable && self.known_good && broken < TRANSPORT_RETRIES =>
                {
                    broken += 1;
                    self.patience.wait(0, None)
                }
                _ => return Err(failed.refusal),
            };
            tracing::debug!(?wait, "the API server could not answer; asking again");
            tokio::time::sleep(wait).await;
        }
    }

    async fn once(&self, call: Call<'_>) -> Result<Bytes, Attempt> {
        let answered = async {
            let body = self.send(call).await?;
            match read(body, call.limit).await? {
                (body, true) => Ok(body),
                (_, false) => Err(Attempt { refusal: Refusal::TooLarge, again: Again::Never }),
            }
        };
        self.in_time(answered).await
    }

    /// Opens an answer that comes bit by bit, such as a watch's. Not asked for again: who watches has patience of its
    /// own.
    pub(crate) async fn open(&self, path: &str, accept: &str) -> Result<Body, Refusal> {
        let call = Call { method: &Method::GET, path, accept, body: None, limit: 0, repeatable: false };
        self.in_time(self.send(call)).await.map_err(|failed| failed.refusal)
    }

    async fn in_time<T>(&self, answer: impl Future<Output = Result<T, Attempt>>) -> Result<T, Attempt> {
        let waited = self.patience.request;
        match tokio::time::timeout(waited, answer).await {
            Ok(result) => result,
            Err(_) => Err(Attempt {
                refusal: Refusal::Because(Reason::Silent { waited }),
                again: Again::AfterTransport,
            }),
        }
    }

    async fn send(&self, call: Call<'_>) -> Result<Body, Attempt> {
        let mut request = Request::builder()
            .method(call.method)
            .uri(call.path)
            .header(header::ACCEPT, call.accept)
            .header(header::USER_AGENT, (self.agent)());
        let mut sent = Body::empty();
        if let Some((kind, bytes)) = call.body {
            request = request.header(header::CONTENT_TYPE, kind);
            sent = Body::from(bytes.clone());
        }
        let request =
            request.body(sent).map_err(|why| because(Reason::Unreachable { why: cut(&why.to_string()) }))?;
        let (head, body) = self.exchange(request).await.map_err(failed)?.into_parts();
        if head.status.is_success() {
            return Ok(body);
        }
        // A status is an answer even where its explanation is lost on the way.
        let explanation = read(body, ERROR_BYTES).await.map(|(body, _)| body).unwrap_or_default();
        Err(refused(head.status, &head.headers, &explanation))
    }

    /// Sends a request as it is and notes the server's time.
    async fn exchange(&self, mut request: Request<Body>) -> Result<Response<Body>, Reason> {
        if let Some(plugin) = &self.plugin {
            let header = plugin.header().await.map_err(|why| Reason::Credential { why })?;
            request.headers_mut().insert(header::AUTHORIZATION, header);
        }
        let answer = self.client.send(request).await.map_err(|error| of_kube(&error))?;
        self.clock.note(answer.headers());
        Ok(answer)
    }

    /// Sends a request as it is, once, and gives nothing but the answer's status.
    pub(crate) async fn status(&self, request: Request<Body>) -> Result<StatusCode, Reason> {
        let waited = self.patience.request;
        match tokio::time::timeout(waited, self.exchange(request)).await {
            Ok(Ok(answer)) => Ok(answer.status()),
            Ok(Err(why)) => Err(why),
            Err(_) => Err(Reason::Silent { waited }),
        }
    }
}

/// The body up to `limit` bytes, and whether that is all of it.
async fn read(mut body: Body, limit: usize) -> Result<(Bytes, bool), Attempt> {
    let mut bytes = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| failed(of_kube(&error)))?;
        let Ok(data) = frame.into_data() else { continue };
        if bytes.len() + data.len() > limit {
            return Ok((bytes.freeze(), false));
        }
        bytes.extend_from_slice(&data);
    }
    Ok((bytes.freeze(), true))
}

/// What is of use in a `Status` (meta/v1 types.go).
#[derive(Deserialize, Default)]
#[serde(default)]
struct Status {
    message: Option<String>,
    reason: Option<String>,
    metadata: Option<StatusMeta>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct StatusMeta {
    #[serde(rename = "continue")]
    token: Option<String>,
}

fn refused(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Attempt {
    let said: Status = serde_json::from_slice(body).unwrap_or_default();
    let message = said.message.as_deref().map_or_else(|| "no reason given".into(), cut);
    let code = status.as_u16();
    match code {
        401 => because(Reason::Unauthorized),
        403 => because(Reason::Forbidden { message }),
        404 => Attempt { refusal: Refusal::NotFound { message }, again: Again::Never },
        409 if said.reason.as_deref() == Some("AlreadyExists") => {
            Attempt { refusal: Refusal::Taken, again: Again::Never }
        }
        410 => {
            let token = said.metadata.and_then(|meta| meta.token).filter(|token| !token.is_empty());
            Attempt { refusal: Refusal::Gone { token }, again: Again::Never }
        }
        429 | 500 | 502 | 503 | 504 => Attempt {
            refusal: Refusal::Because(Reason::Refused { status: code, message }),
            again: match retry_after(headers) {
                // The API server sends them so before it begins with a request (filters/priority-and-fairness.go).
                Some(asked) if matches!(code, 429 | 503) => Again::AfterRefusal { asked },
                asked => Again::AfterStatus { asked },
            },
        },
        _ => because(Reason::Refused { status: code, message }),
    }
}

/// `Retry-After` in seconds, the only form that the API server sends (RFC 9110 §10.2.3 knows a date too).
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    headers.get(header::RETRY_AFTER)?.to_str().ok()?.parse().ok().map(Duration::from_secs)
}

fn because(reason: Reason) -> Attempt {
    Attempt { refusal: Refusal::Because(reason), again: Again::Never }
}

fn failed(reason: Reason) -> Attempt {
    let again = match reason {
        Reason::Unreachable { .. } => Again::AfterTransport,
        _ => Again::Never,
    };
    Attempt { refusal: Refusal::Because(reason), again }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn each_wait_is_twice_the_one_before_up_to_the_longest() {
        let patience = Patience { first_wait: SECOND, longest_wait: 5 * SECOND, ..Patience::default() };
        let waits: Vec<_> = (0..5).map(|retry| patience.wait(retry, None).as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 5, 5]);
        assert_eq!(patience.wait(u32::MAX, None), 5 * SECOND);
    }

    #[test]
    fn the_wait_that_the_server_names_is_kept_but_not_beyond_the_longest() {
        let patience = Patience { first_wait: SECOND, longest_wait: 5 * SECOND, ..Patience::default() };
        assert_eq!(patience.wait(0, Some(3 * SECOND)), 3 * SECOND);
        assert_eq!(patience.wait(0, Some(Duration::from_secs(u64::MAX))), 5 * SECOND);
        assert_eq!(patience.wait(2, Some(SECOND)), 4 * SECOND);
    }

    #[test]
    fn a_retry_after_that_is_no_number_is_as_none() {
        let mut headers = HeaderMap::new();
        for (value, seconds) in [("7", Some(7)), ("Fri, 31 Dec 2027 23:59:59 GMT", None), ("-1", None)] {
            headers.insert(header::RETRY_AFTER, value.parse().unwrap());
            assert_eq!(retry_after(&headers).map(|wait| wait.as_secs()), seconds, "{value}");
        }
    }
}
