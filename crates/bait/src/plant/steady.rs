//! A hand that waits for a server that is away for a while, and never makes an object twice.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use serde_json::Value;
use sundew_cluster::{Deleted, Hand, HandError, ObjectKey, Reason};
use tokio::time::{Instant, sleep};

use super::likeness::likeness;

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// For so long after it came back, a server that starts may say no because it has not yet read who may do what.
const SETTLING: Duration = Duration::from_secs(5);

/// Tries again for as long as its patience goes what fails because the server is away.
#[derive(Debug, Clone)]
pub(crate) struct Steady {
    hand: Hand,
    patience: Duration,
    /// When the server was last away.
    away: Arc<Mutex<Option<Instant>>>,
}

/// What an object will look like once it is made.
#[derive(Debug)]
pub(crate) struct Outlook {
    pub(crate) likeness: String,
    /// Whether the server said so.
    pub(crate) sure: bool,
}

/// Why an object was not made, or is not known to be.
#[derive(Debug)]
pub(crate) struct NotMade {
    pub(crate) why: HandError,
    /// Whether it may be there all the same: the connection broke before an answer came.
    pub(crate) doubt: bool,
}

impl Steady {
    pub(crate) fn new(hand: Hand, patience: Duration) -> Self {
        Self { hand, patience, away: Arc::default() }
    }

    /// From now on nothing is tried twice: the server has been waited for already.
    pub(crate) fn lose_patience(&mut self) {
        self.patience = Duration::ZERO;
    }

    pub(crate) async fn get(&self, key: &ObjectKey) -> Result<Option<Value>, HandError> {
        self.keep_trying(async || self.hand.get(key).await).await
    }

    pub(crate) async fn metadata(&self, key: &ObjectKey) -> Result<Option<Value>, HandError> {
        self.keep_trying(async || self.hand.metadata(key).await).await
    }

    pub(crate) async fn patch(
        &self,
        key: &ObjectKey,
        patch: &Value,
        manager: &str,
    ) -> Result<Value, HandError> {
        self.keep_trying(async || self.hand.patch(key, patch, manager).await).await
    }

    pub(crate) async fn delete(&self, key: &ObjectKey, uid: &str) -> Result<Deleted, HandError> {
        self.keep_trying(async || self.hand.delete(key, uid).await).await
    }

    /// What the server would make of `object`.
    pub(crate) async fn try_out(&self, object: &Value, manager: &str) -> Result<Value, HandError> {
        self.keep_trying(async || self.hand.create(object, manager, true).await).await
    }

    /// Makes `object`. Where the connection breaks, looks first whether it was made: it is ours if it is like
    /// `expected`.
    pub(crate) async fn make(
        &self,
        key: &ObjectKey,
        object: &Value,
        manager: &str,
        expected: &Outlook,
    ) -> Result<Value, NotMade> {
        let mut wait = Wait::of(self);
        let mut doubt = false;
        loop {
            let tried = match self.made_before(doubt, key, expected).await {
                Ok(Some(live)) => return Ok(live),
                Ok(None) => self.hand.create(object, manager, false).await,
                // Another's, unless nobody could say how ours would look.
                Err(why @ HandError::Exists { .. }) => return Err(NotMade { why, doubt: !expected.sure }),
                Err(error) => Err(error),
            };
            match tried {
                Ok(live) => return Ok(live),
                // One that was still on its way came first.
                Err(HandError::Exists { .. }) if doubt && wait.on().await => {}
                Err(why) => {
                    doubt |= is_away(&why);
                    if !wait.after(&why).await {
                        return Err(NotMade { why, doubt });
                    }
                }
            }
        }
    }

    async fn made_before(
        &self,
        doubt: bool,
        key: &ObjectKey,
        expected: &Outlook,
    ) -> Result<Option<Value>, HandError> {
        if !doubt {
            return Ok(None);
        }
        match self.hand.get(key).await? {
            Some(live) if likeness(&live) == expected.likeness => Ok(Some(live)),
            Some(_) => Err(HandError::Exists { object: key.to_string() }),
            None => Ok(None),
        }
    }

    async fn keep_trying<T>(&self, ask: impl AsyncFn() -> Result<T, HandError>) -> Result<T, HandError> {
        let mut wait = Wait::of(self);
        loop {
            match ask().await {
                Err(why) if wait.after(&why).await => {}
                answer => return answer,
            }
        }
    }
}

/// Whether the server gave no answer of its own, or only that it cannot now.
pub(crate) fn is_away(error: &HandError) -> bool {
    let HandError::Failed { why, .. } = error else { return false };
    match why {
        Reason::Silent { .. } | Reason::Unreachable { .. } => true,
        Reason::Refused { status, .. } => *status == 429 || *status >= 500,
        _ => false,
    }
}

/// How long a failing request is tried again.
struct Wait<'w> {
    until: Instant,
    pause: Duration,
    away: &'w Mutex<Option<Instant>>,
}

impl<'w> Wait<'w> {
    fn of(hand: &'w Steady) -> Self {
        Self { until: Instant::now() + hand.patience, pause: FIRST_PAUSE, away: &hand.away }
    }

    /// Waits before the next try. False where there should be none.
    async fn after(&mut self, why: &HandError) -> bool {
        if is_away(why) {
            *self.away.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        } else if !self.settles(why) {
            return false;
        }
        self.on().await
    }

    async fn on(&mut self) -> bool {
        if Instant::now() + self.pause > self.until {
            return false;
        }
        sleep(self.pause).await;
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        true
    }

    fn settles(&self, why: &HandError) -> bool {
        let unsure =
            matches!(why, HandError::Forbidden { .. } | HandError::Failed { why: Reason::Unauthorized, .. });
        let away = *self.away.lock().unwrap_or_else(PoisonError::into_inner);
        unsure && away.is_some_and(|since| since.elapsed() < SETTLING)
    }
}
