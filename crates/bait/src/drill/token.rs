//! The token of a placement, from its Secret.

use base64::{Engine, engine::general_purpose::STANDARD};
use sundew_cluster::{Hand, HandError, ObjectKey};
use sundew_decoy::{Decoy, Placement};
use zeroize::Zeroizing;

/// Reads it; wiped from memory when it is dropped.
///
/// # Errors
///
/// In words, with what to do next, and nothing of what the Secret holds.
pub(super) async fn read(
    hand: &Hand,
    decoy: &Decoy,
    placement: &Placement,
) -> Result<Zeroizing<String>, String> {
    let name = placement.secret.clone().unwrap_or_default();
    let shown = format!("Secret {}/{name}", decoy.namespace);
    let key = ObjectKey {
        api_version: "v1".into(),
        kind: "Secret".into(),
        namespace: decoy.namespace.clone(),
        name,
    };
    let secret = match hand.get(&key).await {
        Ok(Some(secret)) => secret,
        Ok(None) => {
            return Err(format!("{shown} is not there any more; `sundew status` says what else is missing"));
        }
        Err(HandError::Forbidden { message, .. }) => {
            return Err(format!(
                "{shown} may not be read with this kubeconfig ({message}); a drill needs `get` on the decoys' Secrets"
            ));
        }
        Err(error) => return Err(error.to_string()),
    };
    let encoded = secret.pointer("/data/token").and_then(serde_json::Value::as_str).unwrap_or_default();
    let token = STANDARD.decode(encoded).ok().map(Zeroizing::new);
    match token.as_ref().map(|bytes| std::str::from_utf8(bytes)) {
        Some(Ok(token)) if !token.is_empty() => Ok(Zeroizing::new(token.to_owned())),
        _ => Err(format!(
            "{shown} holds no token: no token controller has filled it, or somebody emptied it; `kubectl describe secret -n {} {}` shows its type and account",
            decoy.namespace, key.name
        )),
    }
}
