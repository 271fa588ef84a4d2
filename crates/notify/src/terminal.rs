//! Alerts on a terminal, as they would look in Slack.

use std::{
    fmt::Display,
    io::{self, IsTerminal, Write},
};

use async_trait::async_trait;
use sundew_detect::Severity;

use crate::{
    config::TerminalConfig,
    digest::Digest,
    message::Message,
    plain::{Role, lay_out},
    secret::Env,
    sink::{DeliveryError, Sink},
};

/// More steps than this would push the headline off the screen.
const STEPS: usize = 15;

/// One message as it should look on a terminal. With `colour` it holds ANSI escapes for colour and weight, and no
/// other control characters: none from outside gets through.
pub fn render_terminal(message: &Message, colour: bool) -> String {
    let mut out = String::new();
    let paint = |role, text: &dyn Display| match colour {
        true => format!("\x1b[{}m{text}\x1b[0m", style(role)),
        false => text.to_string(),
    };
    lay_out(&mut out, &Digest::of(message), STEPS, &paint);
    out
}

/// The parameters of an SGR escape (ECMA-48 §8.3.117).
fn style(role: Role) -> &'static str {
    match role {
        Role::Badge(Severity::Critical) => "1;97;41",
        Role::Badge(Severity::High) => "1;31",
        Role::Badge(Severity::Medium) => "1;33",
        Role::Badge(Severity::Low) => "1;36",
        Role::Badge(Severity::Info) | Role::Heading => "1",
        Role::Faint => "2",
        Role::Allowed => "1;31",
        Role::Command => "36",
    }
}

/// Prints to standard output.
pub(crate) struct TerminalSink {
    name: String,
    colour: bool,
}

impl TerminalSink {
    pub(crate) fn new(config: &TerminalConfig, env: Env<'_>) -> Self {
        // <https://no-color.org>: set and not empty.
        let plain = env("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self { name: config.name.clone(), colour: !plain && io::stdout().is_terminal() }
    }
}

#[async_trait]
impl Sink for TerminalSink {
    fn name(&self) -> &str {
        &self.name
    }

    fn kind(&self) -> &'static str {
        "terminal"
    }

    async fn deliver(&self, message: &Message) -> Result<(), DeliveryError> {
        let mut text = render_terminal(message, self.colour);
        text.push('\n');
        let print = move || {
            let mut stdout = io::stdout().lock();
            stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush())
        };
        let failed = |why: &dyn Display| DeliveryError::retry(format!("cannot print: {why}"));
        match tokio::task::spawn_blocking(print).await {
            Ok(printed) => printed.map_err(|why| failed(&why)),
            Err(why) => Err(failed(&why)),
        }
    }
}
