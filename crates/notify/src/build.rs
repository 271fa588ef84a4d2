//! How a sink is made from its configuration.

use crate::{
    config::{SinkConfig, check_name},
    error::SinkError,
    file::FileSink,
    sink::Sink,
    slack::SlackSink,
    terminal::TerminalSink,
    webhook::WebhookSink,
};

/// Makes the sink. Files of secrets are read and `env` is asked (give it `|name| std::env::var(name).ok()`), so
/// that a mistake shows at the start and not with the first alert. Nothing is sent.
///
/// # Errors
///
/// Names the sink, the field and what to do.
pub fn build(config: &SinkConfig, env: &dyn Fn(&str) -> Option<String>) -> Result<Box<dyn Sink>, SinkError> {
    check_name(config.name())?;
    Ok(match config {
        SinkConfig::File(config) => Box::new(FileSink::new(config)?),
        SinkConfig::Slack(config) => Box::new(SlackSink::new(config, env)?),
        SinkConfig::Webhook(config) => Box::new(WebhookSink::new(config, env)?),
        SinkConfig::Terminal(config) => Box::new(TerminalSink::new(config, env)),
    })
}
