//! The webhook sink: posts the wire form, or a body of the operator's own, to any URL, signed where a key is given.

use async_trait::async_trait;
use jiff::Timestamp;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};

use crate::{
    config::{Given, HeaderConfig, WebhookConfig},
    error::SinkError,
    http::Http,
    message::Message,
    secret::{Env, SecretSource},
    signature::sign,
    sink::{DeliveryError, Sink},
    template::Template,
};

const SIGNATURE: HeaderName = HeaderName::from_static("sundew-signature");
const INCIDENT: HeaderName = HeaderName::from_static("sundew-incident");
const REVISION: HeaderName = HeaderName::from_static("sundew-revision");
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Set by this sink or by HTTP itself.
const RESERVED: [&str; 10] = [
    "connection",
    "content-length",
    "content-type",
    "host",
    "idempotency-key",
    "sundew-incident",
    "sundew-revision",
    "sundew-signature",
    "transfer-encoding",
    "user-agent",
];

/// Posts to one URL.
pub(crate) struct WebhookSink {
    name: String,
    http: Http,
    secret: Option<SecretSource>,
    headers: Vec<(HeaderName, SecretSource)>,
    body: Option<Template>,
}

impl WebhookSink {
    pub(crate) fn new(config: &WebhookConfig, env: Env<'_>) -> Result<Self, SinkError> {
        let sink = config.name.as_str();
        let secret = Given {
            sink,
            fields: ("secretFile", "secretEnv"),
            file: config.secret_file.as_ref(),
            env: config.secret_env.as_ref(),
            choice: "secretFile and secretEnv, or neither",
        };
        let body = config.body.as_deref().map(Template::parse).transpose();
        Ok(Self {
            name: config.name.clone(),
            http: Http::new(sink, url(config, env)?, config.timeout)?,
            secret: secret.optional(env)?,
            headers: config.headers.iter().map(|h| header(sink, h, env)).collect::<Result<_, _>>()?,
            body: body.map_err(|source| SinkError::Template { sink: sink.to_owned(), source })?,
        })
    }

    fn body(&self, message: &Message) -> Result<Vec<u8>, DeliveryError> {
        let body = match &self.body {
            Some(template) => template.fill(message).and_then(|value| serde_json::to_vec(&value)),
            None => serde_json::to_vec(message),
        };
        body.map_err(|why| DeliveryError::refused(format!("cannot write it as JSON: {why}")))
    }

    fn headers(&self, message: &Message, body: &[u8], now: Timestamp) -> Result<HeaderMap, DeliveryError> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(INCIDENT, printable(&message.incident.id)?);
        headers.insert(REVISION, message.incident.revision.into());
        headers.insert(IDEMPOTENCY_KEY, printable(&message.key())?);
        for (name, source) in &self.headers {
            let secret = source.current()?;
            let mut value = HeaderValue::from_str(secret.expose()).map_err(|_| {
                DeliveryError::retry(format!("the value of header {name} holds what no header may hold"))
            })?;
            value.set_sensitive(true);
            headers.insert(name.clone(), value);
        }
        if let Some(source) = &self.secret {
            let signature = sign(source.current()?.expose().as_bytes(), body, now);
            headers.insert(SIGNATURE, printable(&signature)?);
        }
        Ok(headers)
    }
}

#[async_trait]
impl Sink for WebhookSink {
    fn name(&self) -> &str {
        &self.name
    }

    fn kind(&self) -> &'static str {
        "webhook"
    }

    async fn deliver(&self, message: &Message) -> Result<(), DeliveryError> {
        let body = self.body(message)?;
        let headers = self.headers(message, &body, Timestamp::now())?;
        let answer = self.http.post(headers, body).await?;
        if answer.status.is_success() {
            return Ok(());
        }
        // Its body is not shown: it could repeat the URL or a header's value.
        Err(DeliveryError::refused(format!("the receiver answered {}", answer.status)))
    }
}

fn url(config: &WebhookConfig, env: Env<'_>) -> Result<SecretSource, SinkError> {
    let given = Given {
        sink: &config.name,
        fields: ("urlFile", "urlEnv"),
        file: config.url_file.as_ref(),
        env: config.url_env.as_ref(),
        choice: "url, urlFile and urlEnv",
    };
    match (&config.url, given.file, given.env) {
        (Some(url), None, None) => Ok(SecretSource::Fixed(url.clone())),
        (Some(_), _, _) => Err(SinkError::Choice { sink: config.name.clone(), fields: given.choice }),
        (None, _, _) => given.required(env),
    }
}

fn header(sink: &str, config: &HeaderConfig, env: Env<'_>) -> Result<(HeaderName, SecretSource), SinkError> {
    let wrong = |why: &str| SinkError::Header {
        sink: sink.to_owned(),
        header: crate::text::clean(&config.name, 80),
        why: why.to_owned(),
    };
    let name =
        HeaderName::from_bytes(config.name.as_bytes()).map_err(|_| wrong("this is no name for a header"))?;
    if RESERVED.contains(&name.as_str()) {
        return Err(wrong("Sundew sets this header itself; leave it out"));
    }
    let given = Given {
        sink,
        fields: ("valueFile", "valueEnv"),
        file: config.value_file.as_ref(),
        env: config.value_env.as_ref(),
        choice: "valueFile and valueEnv for each header",
    };
    let value = given.required(env)?;
    let fits = value.current().is_ok_and(|secret| HeaderValue::from_str(secret.expose()).is_ok());
    if !fits {
        return Err(wrong("its value holds what no header may hold, such as a line break"));
    }
    Ok((name, value))
}

fn printable(text: &str) -> Result<HeaderValue, DeliveryError> {
    HeaderValue::from_str(text)
        .map_err(|_| DeliveryError::refused("the incident's id holds what no header may hold"))
}
