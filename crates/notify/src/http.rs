//! One POST to a webhook: the client, which URLs are allowed, and what each answer means for the delivery.

use std::{error::Error, net::IpAddr, time::Duration};

use jiff::{Timestamp, fmt::rfc2822};
use reqwest::{
    Client, Response, StatusCode, Url,
    header::{HeaderMap, RETRY_AFTER},
    redirect::Policy,
};

use crate::{
    error::SinkError,
    secret::{Secret, SecretSource},
    sink::DeliveryError,
};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// As much of an answer as is read.
const MAX_ANSWER: usize = 4096;
/// The longest wait that a receiver can ask for.
const MAX_WAIT: Duration = Duration::from_secs(3600);

/// A client for one receiver. Its errors never name the URL.
pub(crate) struct Http {
    client: Client,
    url: SecretSource,
    timeout: Duration,
}

impl Http {
    /// Checks the URL as it stands now; sends nothing.
    pub(crate) fn new(sink: &str, url: SecretSource, timeout: Duration) -> Result<Self, SinkError> {
        let refused = |why| SinkError::Url { sink: sink.to_owned(), why };
        let now = url.current().map_err(|why| refused(why.to_string()))?;
        parse_url(&now).map_err(|why| refused(why.to_owned()))?;
        let client = Client::builder()
            .user_agent(concat!("sundew/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIMEOUT.min(timeout))
            .timeout(timeout)
            // A redirect would carry alerts to where nobody decided to send them.
            .redirect(Policy::none())
            .build()
            .map_err(|why| SinkError::Client { sink: sink.to_owned(), why: innermost(&why.without_url()) })?;
        Ok(Self { client, url, timeout })
    }

    /// Posts `body` and gives the answer to a status of 2xx; any other says what to do with the delivery.
    pub(crate) async fn post(&self, headers: HeaderMap, body: Vec<u8>) -> Result<Answer, DeliveryError> {
        let secret = self.url.current()?;
        let url = parse_url(&secret)
            .map_err(|why| DeliveryError::retry(format!("the URL cannot be used: {why}")))?;
        let request = self.client.post(url).headers(headers).body(body);
        let response = request.send().await.map_err(|why| self.describe(why))?;
        let status = response.status();
        let after = retry_after(response.headers(), Timestamp::now());
        if is_passing(status) {
            let why = format!("the receiver answered {status}");
            return Err(DeliveryError::Retry { after, why });
        }
        if status.is_redirection() {
            let why =
                format!("the receiver answered {status}; redirects are not followed, so set the final URL");
            return Err(DeliveryError::refused(why));
        }
        let text = self.read(response).await;
        Ok(Answer { status, text, url: secret })
    }

    /// The first 4 KiB of the answer.
    async fn read(&self, mut response: Response) -> Result<String, DeliveryError> {
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|why| self.describe(why))? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() >= MAX_ANSWER {
                bytes.truncate(MAX_ANSWER);
                break;
            }
        }
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn describe(&self, error: reqwest::Error) -> DeliveryError {
        let error = error.without_url();
        let why = match () {
            () if error.is_timeout() => format!("no answer within {:?}", self.timeout),
            () if error.is_connect() => format!("cannot connect: {}", innermost(&error)),
            () => format!("the connection failed: {}", innermost(&error)),
        };
        DeliveryError::retry(why)
    }
}

/// An answer that decides: 2xx, or a refusal.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    /// The beginning of the body, where it arrived.
    text: Result<String, DeliveryError>,
    url: Secret,
}

impl Answer {
    /// The answer's body where it is one short word such as `no_service`. Anything longer could repeat what was sent,
    /// URL included, and is not shown.
    ///
    /// # Errors
    ///
    /// The connection failed before the body was there.
    pub(crate) fn word(&self) -> Result<Option<&str>, DeliveryError> {
        let word = self.text.as_ref().map_err(Clone::clone)?.trim();
        let is_word = (1..=64).contains(&word.len())
            && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
            && !self.url.expose().contains(word);
        Ok(is_word.then_some(word))
    }
}

/// Reads a URL that alerts may be sent to: `https`, or `http` to this very machine. Errors do not show it.
fn parse_url(secret: &Secret) -> Result<Url, &'static str> {
    let url =
        Url::parse(secret.expose().trim()).map_err(|_| "it is no URL; it should begin with https://")?;
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_loopback(&url) => Ok(url),
        "http" => Err("it must begin with https://; plain http is for 127.0.0.1, [::1] and localhost only"),
        _ => Err("it must begin with https://"),
    }
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// Whether another try can help: too slow, too early, too many, or the receiver's own fault (RFC 9110 §15).
fn is_passing(status: StatusCode) -> bool {
    status.is_server_error() || matches!(status.as_u16(), 408 | 425 | 429)
}

/// `Retry-After`, in seconds or as a date (RFC 9110 §10.2.3), at most an hour.
fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = match value.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let date = rfc2822::DateTimeParser::new().parse_timestamp(value).ok()?;
            // A date that has passed asks for no wait.
            Duration::try_from(date.duration_since(now)).unwrap_or_default()
        }
    };
    Some(wait.min(MAX_WAIT))
}

/// The cause at the bottom, which says most: `Connection refused` and not `error sending request`.
fn innermost(error: &dyn Error) -> String {
    let mut cause = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(url: &str) -> Result<Url, &'static str> {
        parse_url(&Secret::from(url.to_owned()))
    }

    #[test]
    fn plain_http_is_for_this_machine_only() {
        for url in
            ["https://hooks.example/x", "http://127.0.0.1:8080/x", "http://[::1]/", "http://localhost/"]
        {
            assert!(parsed(url).is_ok(), "{url}");
        }
        for url in [
            "http://hooks.example/x",
            "http://127.0.0.1.example/",
            "http://10.0.0.1/",
            "file:///etc/passwd",
            "hush",
        ] {
            let why = parsed(url).unwrap_err();
            assert!(why.contains("https://") && !why.contains(url), "{why}");
        }
    }

    fn waits(value: &str) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, value.parse().unwrap());
        retry_after(&headers, "2026-11-21T10:00:00Z".parse().unwrap())
    }

    #[test]
    fn retry_after_is_read_as_seconds_and_as_a_date() {
        assert_eq!(waits("30"), Some(Duration::from_secs(30)));
        assert_eq!(waits("Sat, 21 Nov 2026 10:02:00 GMT"), Some(Duration::from_secs(120)));
        assert_eq!(waits("Sat, 21 Nov 2026 09:00:00 GMT"), Some(Duration::ZERO));
        assert_eq!(waits("soon"), None);
        assert_eq!(waits("-5"), None);
    }

    #[test]
    fn no_receiver_can_ask_for_more_than_an_hour() {
        assert_eq!(waits("999999999999"), Some(MAX_WAIT));
        assert_eq!(waits("Sat, 21 Nov 2099 10:00:00 GMT"), Some(MAX_WAIT));
    }
}
