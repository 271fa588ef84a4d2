//! Waiting until what was deleted is really gone.

use std::time::Duration;

use sundew_decoy::Object;
use tokio::time::{Instant, sleep};

use super::Run;
use crate::{BaitError, plant::key};

/// How long is waited for all of it: a pod takes longer, and is looked after by the next run.
const WAIT: Duration = Duration::from_secs(4);
const LOOK: Duration = Duration::from_millis(100);

impl Run<'_> {
    /// Waits for `going`, gives those that are gone, and says of the others why they are not.
    pub(super) async fn still_there(&mut self, mut going: Vec<Object>) -> Result<Vec<Object>, BaitError> {
        let until = Instant::now() + WAIT;
        let mut gone = Vec::new();
        loop {
            let mut left = Vec::new();
            for object in going {
                match self.why_there(&object).await? {
                    None => gone.push(object),
                    Some(why) => left.push((object, why)),
                }
            }
            if left.is_empty() {
                return Ok(gone);
            }
            if Instant::now() + LOOK > until {
                self.done.whole = false;
                self.done.left.extend(left.into_iter().map(|(object, why)| {
                    format!(
                        "{} is being deleted and not gone yet{why}; run this again to see that it is.",
                        key(&object)
                    )
                }));
                return Ok(gone);
            }
            sleep(LOOK).await;
            going = left.into_iter().map(|(object, _)| object).collect();
        }
    }

    /// What keeps the object, as far as it says; none where it is gone.
    async fn why_there(&self, object: &Object) -> Result<Option<String>, BaitError> {
        let Some(seen) = self.hand.metadata(&key(object)).await? else { return Ok(None) };
        let metadata = &seen["metadata"];
        if object.uid.is_some() && metadata["uid"].as_str() != object.uid.as_deref() {
            return Ok(None);
        }
        let finalizers: Vec<&str> =
            metadata["finalizers"].as_array().into_iter().flatten().filter_map(|f| f.as_str()).collect();
        Ok(Some(if finalizers.is_empty() {
            String::new()
        } else {
            format!(", because of its finalizers {}", finalizers.join(", "))
        }))
    }
}
