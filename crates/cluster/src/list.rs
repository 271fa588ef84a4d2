//! Reads a list to its end and opens its pages, for those that want single objects.

use bytes::Bytes;
use form_urlencoded::Serializer;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{
    ask::{Asker, Refusal},
    trouble::{Reason, cut, where_broken},
};

/// How many objects are asked for at once. Fewer, where a page would be too large.
const PAGE_SIZE: usize = 500;
/// How often a list is begun that grows too old while it is read.
const ATTEMPTS: u32 = 3;

/// A list.
pub(crate) struct Pages<'p> {
    /// With no query.
    pub(crate) path: &'p str,
    pub(crate) accept: &'p str,
    /// The kind of its objects.
    pub(crate) kind: &'p str,
    /// The most bytes that a page may have, unpacked.
    pub(crate) limit: usize,
}

#[derive(Deserialize)]
struct Envelope<'b> {
    #[serde(borrow)]
    kind: std::borrow::Cow<'b, str>,
    #[serde(default)]
    metadata: Meta,
    /// An empty list is `null` where the server's code made none.
    #[serde(borrow)]
    items: Option<Vec<&'b RawValue>>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct Meta {
    #[serde(rename = "continue")]
    token: Option<String>,
    resource_version: Option<String>,
}

/// Reads the list and gives each page's objects to `take`; `None` means that the list begins anew, so that what was
/// given does not count. Gives the version of the list, all of one moment, that a watch can go on from.
pub(crate) async fn read_pages(
    asker: &Asker,
    pages: &Pages<'_>,
    mut take: impl FnMut(Option<Vec<&RawValue>>) -> Result<(), serde_json::Error>,
) -> Result<String, Refusal> {
    let (mut size, mut token, mut attempt) = (PAGE_SIZE, None::<String>, 1);
    loop {
        let bytes =
            match asker.get(&path(pages.path, size, token.as_deref()), pages.accept, pages.limit).await {
                Ok(bytes) => bytes,
                Err(Refusal::TooLarge) if size > 1 => {
                    size /= 2;
                    continue;
                }
                Err(Refusal::Gone { .. }) if attempt < ATTEMPTS => {
                    (token, attempt) = (None, attempt + 1);
                    take(None).map_err(|error| damaged(where_broken(&error)))?;
                    continue;
                }
                Err(refusal) => return Err(refusal),
            };
        let meta = open(pages, &bytes, &mut take)?;
        let next = meta.token.filter(|token| !token.is_empty());
        match next {
            None => return Ok(meta.resource_version.unwrap_or_default()),
            Some(next) if token.as_ref() == Some(&next) => {
                return Err(damaged("a page names itself as the next one".into()));
            }
            next => token = next,
        }
    }
}

fn path(path: &str, size: usize, token: Option<&str>) -> String {
    let mut query = Serializer::new(String::new());
    query.append_pair("limit", &size.to_string());
    if let Some(token) = token {
        query.append_pair("continue", token);
    }
    format!("{path}?{}", query.finish())
}

fn open(
    pages: &Pages<'_>,
    bytes: &Bytes,
    take: &mut impl FnMut(Option<Vec<&RawValue>>) -> Result<(), serde_json::Error>,
) -> Result<Meta, Refusal> {
    let envelope: Envelope<'_> =
        serde_json::from_slice(bytes).map_err(|error| damaged(where_broken(&error)))?;
    let expected = format!("{}List", pages.kind);
    if envelope.kind == "SecretList" && pages.kind != "Secret" {
        return Err(Refusal::Because(Reason::ValuesSent));
    }
    if envelope.kind != expected {
        return Err(damaged(format!("its kind is `{}` instead of `{expected}`", cut(&envelope.kind))));
    }
    take(Some(envelope.items.unwrap_or_default())).map_err(|error| damaged(where_broken(&error)))?;
    Ok(envelope.metadata)
}

fn damaged(what: String) -> Refusal {
    Refusal::Because(Reason::Damaged { what })
}
