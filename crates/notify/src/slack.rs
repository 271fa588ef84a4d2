//! The Slack sink: posts Block Kit messages to an incoming webhook.

mod blocks;

use async_trait::async_trait;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};

use crate::{
    config::{Given, SlackConfig},
    error::SinkError,
    http::{Answer, Http},
    message::Message,
    secret::Env,
    sink::{DeliveryError, Sink},
};

/// Posts to one channel.
pub(crate) struct SlackSink {
    name: String,
    http: Http,
}

impl SlackSink {
    pub(crate) fn new(config: &SlackConfig, env: Env<'_>) -> Result<Self, SinkError> {
        let url = Given {
            sink: &config.name,
            fields: ("urlFile", "urlEnv"),
            file: config.url_file.as_ref(),
            env: config.url_env.as_ref(),
            choice: "urlFile and urlEnv",
        };
        let http = Http::new(&config.name, url.required(env)?, config.timeout)?;
        Ok(Self { name: config.name.clone(), http })
    }
}

#[async_trait]
impl Sink for SlackSink {
    fn name(&self) -> &str {
        &self.name
    }

    fn kind(&self) -> &'static str {
        "slack"
    }

    async fn deliver(&self, message: &Message) -> Result<(), DeliveryError> {
        let body = blocks::render(message).to_string().into_bytes();
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        judge(&self.http.post(headers, body).await?)
    }
}

/// Slack says `200 ok`, or a status with one word such as `404 no_service`.
fn judge(answer: &Answer) -> Result<(), DeliveryError> {
    let word = answer.word()?;
    match (answer.status.is_success(), word) {
        (true, Some("ok")) => Ok(()),
        (true, _) => Err(DeliveryError::refused(format!(
            "the answer was {} but not Slack's `ok`; is the URL that of an incoming webhook?",
            answer.status
        ))),
        (false, Some(word)) => {
            Err(DeliveryError::refused(format!("Slack answered {}: {word}", answer.status)))
        }
        (false, None) => Err(DeliveryError::refused(format!("Slack answered {}", answer.status))),
    }
}
