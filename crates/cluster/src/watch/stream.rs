//! The events of one watch, line by line as they come (meta/v1 `WatchEvent`).

use std::{borrow::Cow, time::Duration};

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use kube::client::Body;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::time::{Instant, timeout_at};

use super::Stop;
use crate::{
    ask::Asker,
    trouble::{Reason, cut, where_broken},
};

/// How much longer than agreed a watch is listened to: after that the connection is dead.
const LATE: Duration = Duration::from_secs(30);

/// An open watch.
pub(super) struct Stream {
    body: Body,
    buffer: BytesMut,
    /// How much of the buffer has no end of a line in it.
    searched: usize,
    limit: usize,
    ends: Instant,
}

impl Stream {
    /// Opens the watch at `path`, which asks the server to end it after so many `seconds`.
    pub(super) async fn open(
        asker: &Asker,
        path: &str,
        accept: &str,
        limit: usize,
        seconds: u32,
    ) -> Result<Self, Stop> {
        let body = asker.open(path, accept).await.map_err(|refusal| Stop::of(refusal, limit))?;
        let ends = Instant::now() + Duration::from_secs(seconds.into()) + LATE;
        Ok(Self { body, buffer: BytesMut::new(), searched: 0, limit, ends })
    }

    /// The next line that is not empty.
    pub(super) async fn next(&mut self) -> Result<Bytes, Stop> {
        loop {
            while let Some(at) = memchr::memchr(b'\n', &self.buffer[self.searched..]) {
                let line = self.buffer.split_to(self.searched + at + 1).freeze();
                self.searched = 0;
                if !line.trim_ascii().is_empty() {
                    return Ok(line);
                }
            }
            self.searched = self.buffer.len();
            self.more().await?;
        }
    }

    async fn more(&mut self) -> Result<(), Stop> {
        let Ok(frame) = timeout_at(self.ends, self.body.frame()).await else { return Err(Stop::Ended) };
        // A connection that broke is as one that was ended: what follows shows whether the server is there.
        let Some(Ok(frame)) = frame else { return Err(Stop::Ended) };
        let Ok(data) = frame.into_data() else { return Ok(()) };
        if self.buffer.len() + data.len() > self.limit && !data.contains(&b'\n') {
            return Err(Stop::Failed(Reason::TooLarge { limit: self.limit }));
        }
        self.buffer.extend_from_slice(&data);
        Ok(())
    }
}

/// One event. The objects are not looked at yet.
pub(crate) enum Event<'l> {
    /// It is there now, or looks so now.
    There(&'l RawValue),
    /// It was deleted; this is how it looked last.
    Gone(&'l RawValue),
    /// Nothing changed up to this version.
    Bookmark(String),
}

#[derive(Deserialize)]
struct Envelope<'l> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'l, str>,
    #[serde(borrow)]
    object: &'l RawValue,
}

#[derive(Deserialize)]
struct Marked {
    metadata: Mark,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Mark {
    resource_version: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Status {
    code: u16,
    message: Option<String>,
}

impl<'l> Event<'l> {
    /// Reads one line. An event that says that the watch cannot go on is a [`Stop`].
    pub(super) fn read(line: &'l [u8]) -> Result<Self, Stop> {
        let damaged = |what: String| Stop::Failed(Reason::Damaged { what });
        let envelope: Envelope<'_> =
            serde_json::from_slice(line).map_err(|error| damaged(where_broken(&error)))?;
        match &*envelope.kind {
            "ADDED" | "MODIFIED" => Ok(Self::There(envelope.object)),
            "DELETED" => Ok(Self::Gone(envelope.object)),
            "BOOKMARK" => {
                let marked: Marked = serde_json::from_str(envelope.object.get())
                    .map_err(|error| damaged(where_broken(&error)))?;
                Ok(Self::Bookmark(marked.metadata.resource_version))
            }
            "ERROR" => {
                let said: Status = serde_json::from_str(envelope.object.get()).unwrap_or_default();
                if said.code == 410 {
                    return Err(Stop::TooOld);
                }
                let message = said.message.as_deref().map_or_else(|| "no reason given".into(), cut);
                Err(Stop::Failed(Reason::Refused { status: said.code, message }))
            }
            other => Err(damaged(format!("an event's type is `{}`", cut(other)))),
        }
    }
}
