//! The signature on what the webhook sink sends, and how a receiver checks it.
//!
//! The header `Sundew-Signature: t=<unix seconds>,v1=<hex>` holds HMAC-SHA256 over `<t>.<body>`. The time is signed
//! with the body so that an old request cannot be sent again as a new one.

use std::time::Duration;

use aws_lc_rs::hmac;
use jiff::Timestamp;
use thiserror::Error;

/// Why a signature was not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SignatureError {
    /// The header does not have the form `t=<unix seconds>,v1=<hex>`.
    #[error("the header is not of the form t=<unix seconds>,v1=<hex>")]
    Malformed,
    /// No signature in the header belongs to this secret and body.
    #[error("the signature does not belong to this secret and body")]
    Mismatch,
    /// The signature is right but was made too long ago, or in the future.
    #[error("the signature was made too long ago or in the future")]
    Stale,
}

/// The value of `Sundew-Signature` for a body sent at `now`.
pub fn sign(secret: &[u8], body: &[u8], now: Timestamp) -> String {
    let seconds = now.as_second();
    let tag = hmac::sign(&key(secret), &signed(&seconds.to_string(), body));
    let hex = tag.as_ref().iter().fold(String::new(), |mut hex, byte| {
        for nibble in [byte >> 4, byte & 15] {
            hex.extend(char::from_digit(nibble.into(), 16));
        }
        hex
    });
    format!("t={seconds},v1={hex}")
}

/// Checks `Sundew-Signature` as a receiver should, in a time that does not depend on the signature.
///
/// `secret` is what both sides know, `header` the value of the header, `body` the bytes as they arrived (before any
/// parsing), `now` the receiver's clock and `tolerance` how far the two clocks and the way may be apart: five
/// minutes is usual. Several `v1` may stand in the header; one that fits is enough. Parts that are not known are
/// passed over. To refuse repeats within the tolerance as well, remember `Idempotency-Key`.
///
/// # Errors
///
/// [`SignatureError`] says which check failed; answer 400 or 401 to any.
pub fn verify_signature(
    secret: &[u8],
    header: &str,
    body: &[u8],
    now: Timestamp,
    tolerance: Duration,
) -> Result<(), SignatureError> {
    let parts = || header.split(',').filter_map(|part| part.trim().split_once('='));
    let values = |wanted| parts().filter(move |(name, _)| *name == wanted).map(|(_, value)| value);
    let mut times = values("t");
    let (Some(time), None) = (times.next(), times.next()) else { return Err(SignatureError::Malformed) };
    let seconds: i64 = time.parse().map_err(|_| SignatureError::Malformed)?;
    if values("v1").next().is_none() {
        return Err(SignatureError::Malformed);
    }
    let (key, signed) = (key(secret), signed(time, body));
    let fits = |tag: Vec<u8>| hmac::verify(&key, &signed, &tag).is_ok();
    if !values("v1").filter_map(unhex).any(fits) {
        return Err(SignatureError::Mismatch);
    }
    if now.as_second().abs_diff(seconds) > tolerance.as_secs() {
        return Err(SignatureError::Stale);
    }
    Ok(())
}

fn key(secret: &[u8]) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, secret)
}

fn signed(time: &str, body: &[u8]) -> Vec<u8> {
    [time.as_bytes(), b".", body].concat()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> =
        text.chars().map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok())).collect();
    let digits = digits.filter(|d| d.len() % 2 == 0)?;
    Some(digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}
