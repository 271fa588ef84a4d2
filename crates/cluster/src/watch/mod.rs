//! Watches things: looks how they are, follows their changes, and goes on after whatever ends that, with patience.

mod pace;
mod stream;

use form_urlencoded::Serializer;
use tokio::sync::mpsc;

pub(crate) use self::stream::Event;
use self::{pace::Pace, stream::Stream};
use crate::{
    ask::{Asker, Refusal},
    trouble::Reason,
};

/// How long the server is asked to let one watch last, in seconds. Not the same for each, so that not all begin anew
/// at once.
const LASTS: std::ops::RangeInclusive<u32> = 240..=300;

/// Why a watch, or one part of it, came to its end.
pub(crate) enum Stop {
    /// The server ended it, or the connection broke: it goes on from where it was.
    Ended,
    /// Where it was to go on from is too old (410): it begins anew.
    TooOld,
    /// It does not work at the moment.
    Failed(Reason),
    /// Nobody listens any more.
    Unheard,
}

impl Stop {
    pub(crate) fn of(refusal: Refusal, limit: usize) -> Self {
        match refusal {
            Refusal::Gone { .. } => Self::TooOld,
            other => Self::Failed(other.into_reason(limit)),
        }
    }
}

/// What is watched.
pub(crate) struct Target {
    /// Path, with no query.
    pub(crate) path: String,
    /// Which of the objects under this path; all where it is none.
    pub(crate) field_selector: Option<String>,
    pub(crate) accept: &'static str,
    /// The most bytes that one event may have.
    pub(crate) limit: usize,
}

impl Target {
    fn path(&self, version: Option<&str>) -> (String, u32) {
        let seconds = fastrand::u32(LASTS);
        let mut query = Serializer::new(String::new());
        query.append_pair("watch", "true").append_pair("allowWatchBookmarks", "true");
        query.append_pair("timeoutSeconds", &seconds.to_string());
        if let Some(selector) = &self.field_selector {
            query.append_pair("fieldSelector", selector);
        }
        // Without one the server begins with what is there.
        if let Some(version) = version {
            query.append_pair("resourceVersion", version);
        }
        (format!("{}?{}", self.path, query.finish()), seconds)
    }
}

/// Who watches, and what becomes of what is seen.
pub(crate) trait Eye {
    /// Looks how things are. Gives the version that the watch goes on from; none where there is none.
    async fn look(&mut self) -> Result<Option<String>, Stop>;

    /// Takes one event, and gives the version that it brings.
    async fn heed(&mut self, event: Event<'_>) -> Result<Option<String>, Stop>;

    /// Tells whether it works.
    async fn tell(&mut self, state: State) -> Result<(), Stop>;
}

/// Whether a watch works.
#[derive(Clone)]
pub(crate) enum State {
    Works,
    Troubled(Reason),
}

/// Watches until nobody listens any more.
pub(crate) async fn keep_watching(asker: Asker, target: Target, eye: impl Eye) {
    let pace = Pace::new(&asker.patience);
    Keeper { asker, target, eye, pace, told: None }.run().await;
}

/// Tells something, where somebody listens.
pub(crate) async fn tell<T>(listener: &mpsc::Sender<T>, news: T) -> Result<(), Stop> {
    listener.send(news).await.map_err(|_| Stop::Unheard)
}

struct Keeper<E> {
    asker: Asker,
    target: Target,
    eye: E,
    pace: Pace,
    /// What was told last.
    told: Option<State>,
}

impl<E: Eye> Keeper<E> {
    async fn run(&mut self) {
        loop {
            let reason = match self.round().await {
                Err(Stop::Unheard) => return,
                Err(Stop::Failed(reason)) => reason,
                Err(Stop::TooOld) => {
                    self.pace.anew().await;
                    continue;
                }
                Err(Stop::Ended) | Ok(()) => continue,
            };
            tracing::debug!(path = self.target.path, %reason, "cannot be watched at the moment");
            let known = matches!(&self.told, Some(State::Troubled(told)) if told.is_like(&reason));
            if !known && self.say(State::Troubled(reason)).await.is_err() {
                return;
            }
            self.pace.rest().await;
        }
    }

    async fn say(&mut self, state: State) -> Result<(), Stop> {
        self.told = Some(state.clone());
        self.eye.tell(state).await
    }

    /// Looks, then watches until it is to look again.
    async fn round(&mut self) -> Result<(), Stop> {
        self.pace.turn().await;
        let mut version = self.eye.look().await?;
        loop {
            self.pace.turn().await;
            self.follow(&mut version).await?;
            if version.is_none() {
                return Ok(());
            }
        }
    }

    /// Follows one watch to its end.
    async fn follow(&mut self, version: &mut Option<String>) -> Result<(), Stop> {
        let (path, seconds) = self.target.path(version.as_deref());
        let mut stream =
            Stream::open(&self.asker, &path, self.target.accept, self.target.limit, seconds).await?;
        if !matches!(self.told, Some(State::Works)) {
            self.say(State::Works).await?;
        }
        loop {
            let line = match stream.next().await {
                Ok(line) => line,
                Err(Stop::Ended) => break,
                Err(other) => return Err(other),
            };
            let brought = match Event::read(&line)? {
                Event::Bookmark(newer) => Some(newer),
                event => self.eye.heed(event).await?,
            };
            self.pace.went_well();
            if brought.is_some() {
                *version = brought;
            }
        }
        self.pace.went_well();
        Ok(())
    }
}
