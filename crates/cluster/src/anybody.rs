//! What the server answers to anybody: a few requests with no credential.

use crate::{
    Connection, Reason,
    ask::{Asker, JSON, Patience, Refusal, usual_agent},
    error::ClusterError,
};

/// What is asked for: what Kubernetes shows to anybody by default, what it shows to whoever is known, and what no
/// stranger should see. Nothing else is sent.
pub const ANYBODY_PATHS: [&str; 4] = ["/version", "/healthz", "/api", "/api/v1/namespaces?limit=1"];

/// The most bytes of an answer that are waited for; what is longer was allowed all the same.
const LIMIT: usize = 64 << 10;

impl Connection {
    /// Asks for each of [`ANYBODY_PATHS`] with no credential at all, over a connection of its own that checks the
    /// server's certificate as this one does. One request a path, never sent again; they are in the server's audit log
    /// as `system:anonymous`.
    ///
    /// `Ok` where it was allowed; [`Reason::Unauthorized`] where nobody is let in without a credential (401), and
    /// [`Reason::Forbidden`] with the server's words where somebody unknown is let in and may not (403).
    ///
    /// # Errors
    ///
    /// Where no connection can be set up.
    pub async fn ask_as_anybody(&self) -> Result<Vec<(&'static str, Result<(), Reason>)>, ClusterError> {
        let asker = self.nobody(usual_agent()).await?;
        let patience = Patience { retries: 0, ..asker.patience };
        let asker = Asker { patience, known_good: false, ..asker };
        let mut answers = Vec::with_capacity(ANYBODY_PATHS.len());
        for path in ANYBODY_PATHS {
            let answer = match asker.get(path, JSON, LIMIT).await {
                Ok(_) | Err(Refusal::TooLarge) => Ok(()),
                Err(refusal) => Err(refusal.into_reason(LIMIT)),
            };
            answers.push((path, answer));
        }
        Ok(answers)
    }
}
