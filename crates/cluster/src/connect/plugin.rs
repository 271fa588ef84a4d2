//! Runs a credential plugin where nobody sits at a terminal: with no terminal, a time limit, and an end to one that hangs.
//!
//! The kube crate runs plugins too, but waits for them for ever, and leaves them running where its caller does not.

use std::{fmt, process::Stdio, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::HeaderValue;
use jiff::Timestamp;
use kube::config::{AuthInfo, ExecConfig, ExecInteractiveMode};
use serde::Deserialize;
use serde_json::json;
use tokio::{io::AsyncReadExt, process::Command, sync::Mutex, time::Instant};

use crate::trouble::cut;

/// The most bytes that a plugin may print.
const PRINTED: u64 = 1 << 20;
/// A token is got anew so many seconds before it ends.
const EARLY: i64 = 60;
/// A plugin that failed is not run again for so long: each of many requests would run it.
const REST: Duration = Duration::from_secs(10);

/// A plugin, and what it gave.
pub(crate) struct Plugin {
    exec: ExecConfig,
    limit: Duration,
    held: Mutex<Held>,
}

/// Leaves out what the plugin is given and what it gave.
impl fmt::Debug for Plugin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plugin").field("limit", &self.limit).finish_non_exhaustive()
    }
}

#[derive(Default)]
enum Held {
    #[default]
    Nothing,
    Token(HeaderValue, Option<Timestamp>),
    Failed(Instant, String),
}

/// What a plugin prints (client.authentication.k8s.io/v1 `ExecCredential`).
#[derive(Deserialize)]
struct Printed {
    status: Option<Given>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Given {
    token: Option<String>,
    client_certificate_data: Option<String>,
    client_key_data: Option<String>,
    expiration_timestamp: Option<String>,
}

/// Takes the plugin out of `user`, where it has one, runs it, and gives it where it is what later tokens come from. A
/// client certificate goes into `user`.
pub(super) async fn take(user: &mut AuthInfo, limit: Duration) -> Result<Option<Plugin>, String> {
    let Some(exec) = user.exec.take() else { return Ok(None) };
    // What stands beside it comes first, as in the kube crate.
    let given = user.token.is_some() || user.token_file.is_some() || user.auth_provider.is_some();
    if given || user.username.is_some() && user.password.is_some() {
        return Ok(None);
    }
    let plugin = Plugin { exec, limit, held: Mutex::default() };
    let mut given = plugin.run().await?;
    if let (Some(certificate), Some(key)) =
        (given.client_certificate_data.take(), given.client_key_data.take())
    {
        user.client_certificate_data = Some(STANDARD.encode(certificate));
        user.client_key_data = Some(STANDARD.encode(key).into());
    }
    if given.token.is_none() {
        return match user.client_certificate_data {
            Some(_) => Ok(None),
            None => Err(plugin.said("printed neither a token nor a certificate; see its manual")),
        };
    }
    *plugin.held.lock().await = plugin.token_of(given)?;
    Ok(Some(plugin))
}

impl Plugin {
    /// The `Authorization` header, from a new run of the plugin where the token ends soon.
    pub(crate) async fn header(&self) -> Result<HeaderValue, String> {
        let mut held = self.held.lock().await;
        match &*held {
            Held::Token(header, until) if until.as_ref().is_none_or(is_far) => return Ok(header.clone()),
            Held::Failed(when, why) if when.elapsed() < REST => return Err(why.clone()),
            _ => {}
        }
        *held = match self.run().await.and_then(|given| self.token_of(given)) {
            Ok(token) => token,
            Err(why) => Held::Failed(Instant::now(), why),
        };
        match &*held {
            Held::Token(header, _) => Ok(header.clone()),
            Held::Failed(_, why) => Err(why.clone()),
            Held::Nothing => Err(self.said("gave nothing; see its manual")),
        }
    }

    fn token_of(&self, given: Given) -> Result<Held, String> {
        let token = given.token.ok_or_else(|| self.said("printed no token this time; see its manual"))?;
        let until = given.expiration_timestamp.map(|until| until.parse()).transpose();
        let until =
            until.map_err(|_| self.said("printed an end of its token that is no time; see its manual"))?;
        let mut header = HeaderValue::try_from(format!("Bearer {token}"))
            .map_err(|_| self.said("printed a token with characters that no HTTP header can have"))?;
        header.set_sensitive(true);
        Ok(Held::Token(header, until))
    }

    async fn run(&self) -> Result<Given, String> {
        if self.exec.interactive_mode == Some(ExecInteractiveMode::Always) {
            return Err(self.said(
                "asks on a terminal (interactiveMode: Always), which the sensor has not; give it a kubeconfig with a \
                 token or a certificate",
            ));
        }
        // Dropped when the time is over, and killed by that.
        let printed = match tokio::time::timeout(self.limit, self.print()).await {
            Ok(printed) => printed?,
            Err(_) => {
                return Err(self.said(&format!(
                    "did not end within {:?}; plugins that ask on a terminal or open a browser cannot be used by the \
                     sensor: give it a kubeconfig with a token or a certificate",
                    self.limit
                )));
            }
        };
        // The parser's own words can quote the token. Some plugins print YAML.
        let printed: Option<Printed> = serde_saphyr::from_slice(&printed).ok();
        printed
            .and_then(|printed| printed.status)
            .ok_or_else(|| self.said("printed no ExecCredential; see its manual"))
    }

    async fn print(&self) -> Result<Vec<u8>, String> {
        let not_run = |why: &std::io::Error| {
            self.said(&format!("cannot be run ({why}); install it, or correct its path"))
        };
        let mut child = self.command()?.spawn().map_err(|why| not_run(&why))?;
        let mut printed = Vec::new();
        if let Some(out) = child.stdout.take() {
            out.take(PRINTED).read_to_end(&mut printed).await.map_err(|why| not_run(&why))?;
        }
        let status = child.wait().await.map_err(|why| not_run(&why))?;
        if status.success() {
            return Ok(printed);
        }
        Err(self.said(&format!("failed ({status}); run `kubectl get --raw /version` to see why")))
    }

    fn command(&self) -> Result<Command, String> {
        let exec = &self.exec;
        let Some(program) = exec.command.as_deref() else {
            return Err(
                "the kubeconfig names a credential plugin with no command; add `command` under `exec`".into(),
            );
        };
        let mut command = Command::new(program);
        command.args(exec.args.iter().flatten());
        for variable in exec.env.iter().flatten() {
            if let (Some(name), Some(value)) = (variable.get("name"), variable.get("value")) {
                command.env(name, value);
            }
        }
        let mut spec = json!({"interactive": false});
        if exec.provide_cluster_info {
            spec["cluster"] = serde_json::to_value(&exec.cluster).unwrap_or_default();
        }
        let info = json!({"apiVersion": exec.api_version, "kind": "ExecCredential", "spec": spec});
        command.env("KUBERNETES_EXEC_INFO", info.to_string());
        // What it says beside the credential may hold one.
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
        Ok(command)
    }

    fn said(&self, what: &str) -> String {
        // Its arguments may hold a credential.
        let command = cut(self.exec.command.as_deref().unwrap_or_default());
        format!("the credential plugin `{command}` that the kubeconfig names {what}")
    }
}

fn is_far(until: &Timestamp) -> bool {
    until.as_second().saturating_sub(Timestamp::now().as_second()) > EARLY
}
