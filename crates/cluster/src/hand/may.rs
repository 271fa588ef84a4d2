//! Asks the server what the account may do, so that a missing right is known before it is needed.

use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};

use super::Hand;
use crate::{
    ask::{Call, JSON},
    trouble::{Reason, where_broken},
};

/// Every authenticated account may ask about itself (`system:basic-user`).
const PATH: &str = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
/// The most bytes that the answer may have.
const LIMIT: usize = 1 << 20;

impl Hand {
    /// Whether the account may do `verb` to the object `name` of `resource` in the API group `group` (empty for the
    /// core's) and `namespace`, by what the server's authorizers say now.
    ///
    /// # Errors
    ///
    /// Where the server does not say.
    pub async fn may(
        &self,
        verb: &str,
        group: &str,
        resource: &str,
        namespace: &str,
        name: &str,
    ) -> Result<bool, Reason> {
        let attributes =
            json!({"verb": verb, "group": group, "resource": resource, "namespace": namespace, "name": name});
        let review = json!({
            "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": attributes},
        });
        let body = Bytes::from(review.to_string());
        // Nothing is made by it, so a second one does no harm.
        let call = Call {
            method: &Method::POST,
            path: PATH,
            accept: JSON,
            body: Some((JSON, &body)),
            limit: LIMIT,
            repeatable: true,
        };
        let answer = self.asker().call(call).await.map_err(|refusal| refusal.into_reason(LIMIT))?;
        let answer: Value = serde_json::from_slice(&answer)
            .map_err(|error| Reason::Damaged { what: where_broken(&error) })?;
        answer["status"]["allowed"]
            .as_bool()
            .ok_or_else(|| Reason::Damaged { what: "it does not say whether that is allowed".into() })
    }
}
