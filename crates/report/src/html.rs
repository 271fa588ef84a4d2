//! The page as HTML that needs nothing else: no network, no server, no script.

use askama::Template;
use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine, prelude::BASE64_STANDARD};
use sundew_posture::render::STYLE as SHARED;

use crate::{Page, ReportError};

/// What this page has besides the style that it shares with that of `sundew scan`.
const OWN: &str = include_str!("../templates/joined.css");

#[derive(Template)]
#[template(path = "joined.html")]
struct Filled<'a> {
    policy: String,
    style: String,
    page: &'a Page,
}

/// The page as HTML. Whatever comes from the cluster is escaped.
///
/// # Errors
/// [`ReportError::Html`] where the template cannot be filled.
pub fn html(page: &Page) -> Result<String, ReportError> {
    let style = format!("{SHARED}{OWN}");
    let hash = BASE64_STANDARD.encode(digest(&SHA256, style.as_bytes()));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{hash}'; img-src data:; base-uri 'none'; form-action 'none'"
    );
    Ok(Filled { policy, style, page }.render()?)
}
