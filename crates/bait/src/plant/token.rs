//! The tokens that a cluster makes for a decoy: taken from their Secrets, checked, and written into what holds them.

use std::{collections::BTreeMap, time::Duration};

use base64::{
    Engine as _,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use serde_json::{Value, json};
use sundew_cluster::{Endpoint, ObjectKey};
use tokio::time::{Instant, sleep};

use super::steady::Steady;
use crate::BaitError;

/// How often a Secret is looked at while it is empty.
const LOOK: Duration = Duration::from_millis(150);

/// A credential. Has no `Debug`, so that it is in no log.
pub(crate) struct Token(String);

/// The tokens by the name of their placement.
pub(crate) type Tokens = BTreeMap<String, Token>;

/// What a token must say of itself.
pub(crate) struct Expected<'e> {
    pub(crate) username: String,
    /// The account's uid, where known.
    pub(crate) account_uid: Option<&'e str>,
}

/// Waits until the cluster has put a token into the Secret of this uid, and takes it out.
pub(crate) async fn wait_for(
    hand: &Steady,
    key: &ObjectKey,
    uid: &str,
    patience: Duration,
) -> Result<Token, BaitError> {
    let until = Instant::now() + patience;
    loop {
        let live = hand.get(key).await?;
        let Some(live) = live.filter(|live| live["metadata"]["uid"] == uid) else {
            return Err(BaitError::Wrong(format!(
                "{key} was deleted while it was waited for its token: by somebody else, or by a token controller that \
                 does not know its account; see who cleans up there, and plant again"
            )));
        };
        if let Some(text) = live["data"]["token"].as_str().filter(|text| !text.is_empty()) {
            return decode(text).ok_or_else(|| {
                BaitError::Wrong(format!(
                    "{key} holds a token that is no text; see what fills it in this cluster"
                ))
            });
        }
        if Instant::now() + LOOK > until {
            let secret = format!("{}/{}", key.namespace, key.name);
            return Err(BaitError::NeverFilled { secret, seconds: patience.as_secs() });
        }
        sleep(LOOK).await;
    }
}

fn decode(text: &str) -> Option<Token> {
    String::from_utf8(BASE64_STANDARD.decode(text).ok()?).ok().map(Token)
}

impl Token {
    /// Whether it is a long-lived token of the account, from this Secret. Checked by what it says of itself: its use
    /// would trip the wire.
    pub(crate) fn check(&self, key: &ObjectKey, expected: &Expected<'_>) -> Result<(), BaitError> {
        let wrong = |what: String| {
            let why = "see what fills Secrets of type kubernetes.io/service-account-token in this cluster";
            Err(BaitError::Wrong(format!("the token in {key} {what}; {why}")))
        };
        let Some(claims) = self.claims() else { return wrong("is no JWT".to_owned()) };
        if claims["sub"] != expected.username.as_str() {
            return wrong(format!("is not of {}", expected.username));
        }
        if claims["kubernetes.io/serviceaccount/secret.name"] != key.name.as_str() {
            return wrong(
                "does not name this Secret, so that its use could not be told from another's".into(),
            );
        }
        let uid = claims["kubernetes.io/serviceaccount/service-account.uid"].as_str();
        if expected.account_uid.is_some() && uid != expected.account_uid {
            return wrong("is of an earlier account of the same name".to_owned());
        }
        Ok(())
    }

    fn claims(&self) -> Option<Value> {
        let payload = self.0.split('.').nth(1)?;
        serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(payload).ok()?).ok()
    }

    /// A kubeconfig with it, named as kubeadm names things and laid out as kubectl writes it.
    pub(crate) fn kubeconfig(
        &self,
        endpoint: &Endpoint,
        account: &str,
        namespace: &str,
    ) -> Result<String, BaitError> {
        let mut cluster = json!({"server": endpoint.server});
        if let Some(authority) = &endpoint.authority {
            cluster["certificate-authority-data"] = BASE64_STANDARD.encode(authority).into();
        }
        let context = format!("{account}@kubernetes");
        let config = json!({
            "apiVersion": "v1",
            "clusters": [{"cluster": cluster, "name": "kubernetes"}],
            "contexts": [{
                "context": {"cluster": "kubernetes", "namespace": namespace, "user": account}, "name": context,
            }],
            "current-context": context,
            "kind": "Config",
            "preferences": {},
            "users": [{"name": account, "user": {"token": self.0}}],
        });
        // As kubectl writes it: each value in one line, however long.
        let options = serde_saphyr::ser_options! { folded_wrap_chars: 1 << 20 };
        // The writer's own words could quote what it was to write.
        serde_saphyr::to_string_with_options(&config, options).map_err(|_| {
            BaitError::Wrong(format!("no kubeconfig can be written for {namespace}/{account}; report this"))
        })
    }
}

/// Puts tokens and kubeconfigs in the place of `{token NAME}` and `{kubeconfig NAME}`, for the placements of `names`.
pub(crate) fn fill_in(
    manifest: &mut Value,
    names: &[String],
    tokens: &Tokens,
    kubeconfig: impl Fn(&Token) -> Result<String, BaitError>,
) -> Result<(), BaitError> {
    for name in names {
        let token = tokens.get(name).ok_or_else(|| {
            BaitError::Wrong(format!(
                "the plan writes the token of placement `{name}` into an object, and that placement has no Secret"
            ))
        })?;
        replace(manifest, &format!("{{token {name}}}"), &token.0);
        replace(manifest, &format!("{{kubeconfig {name}}}"), &kubeconfig(token)?);
    }
    Ok(())
}

fn replace(value: &mut Value, mark: &str, by: &str) {
    match value {
        Value::String(text) if text.contains(mark) => *text = text.replace(mark, by),
        Value::Array(items) => items.iter_mut().for_each(|item| replace(item, mark, by)),
        Value::Object(fields) => fields.values_mut().for_each(|field| replace(field, mark, by)),
        _ => {}
    }
}
