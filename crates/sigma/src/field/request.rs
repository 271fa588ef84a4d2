//! What a request's URI says: the path, the query, and the command of an exec.

use std::borrow::Cow;

use super::{Found, Value};

/// The path, percent-decoded, without the query.
pub(super) fn path(uri: &str) -> Cow<'_, str> {
    percent_decode(uri.split_once('?').map_or(uri, |(path, _)| path))
}

/// Every value of a query parameter, decoded. Keys may be encoded as well, which only who hides something does.
///
/// A pair that has a semicolon or a broken escape in it is not there for the API server (`url.ParseQuery` of Go leaves it
/// out): `dryRun=All;` makes no rehearsal, and must not look like one.
pub(super) fn query<'u>(uri: &'u str, key: &str) -> impl Iterator<Item = Cow<'u, str>> {
    let query = uri.split_once('?').map_or("", |(_, query)| query);
    let pairs = query.split('&').filter(move |pair| {
        let name = pair.split('=').next().unwrap_or_default();
        (name == key || name.contains(['%', '+'])) && is_sound(pair)
    });
    let decoded = pairs.flat_map(|pair| form_urlencoded::parse(pair.as_bytes()));
    decoded.filter(move |(name, _)| name == key).map(|(_, value)| value)
}

/// Whether Go takes a pair of a query.
fn is_sound(pair: &str) -> bool {
    let hex = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_hexdigit);
    let mut escapes = pair.bytes().enumerate().filter(|(_, byte)| *byte == b'%');
    let bytes = pair.as_bytes();
    !pair.contains(';') && escapes.all(|(at, _)| hex(bytes.get(at + 1)) && hex(bytes.get(at + 2)))
}

/// The words of the command that an exec runs. Not only of `pods/exec`: a kubelet that is spoken to through
/// `nodes/proxy` takes the same parameter.
pub(super) fn argv(uri: &str) -> impl Iterator<Item = Cow<'_, str>> {
    query(uri, "command")
}

/// A truth value in the query as the API server reads it: only `false`, `0` and absence are false
/// (`k8s.io/apimachinery/pkg/runtime/converter.go`, `Convert_Slice_string_To_bool`).
pub(super) fn flag(uri: &str, key: &str) -> Option<bool> {
    let value = query(uri, key).next()?;
    Some(!value.eq_ignore_ascii_case("false") && value != "0")
}

/// Texts as values.
pub(super) fn found<'v>(texts: impl Iterator<Item = Cow<'v, str>>) -> Found<'v> {
    texts.map(Value::Text).collect()
}

/// Decodes `%XX`; what is no such thing stays as it is, and bytes that are no UTF-8 become U+FFFD.
fn percent_decode(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let hex = |at: usize| after.get(at).and_then(|digit| char::from(*digit).to_digit(16));
        match (byte, hex(0), hex(1)) {
            (b'%', Some(high), Some(low)) => {
                // Two hex digits make at most 255.
                bytes.push((high * 16 + low) as u8);
                rest = &after[2..];
            }
            _ => {
                bytes.push(byte);
                rest = after;
            }
        }
    }
    Cow::Owned(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_decoded_and_has_no_query() {
        assert_eq!(path("/api/v1/secrets?limit=500"), "/api/v1/secrets");
        assert_eq!(path("/api/v1/%73ecrets%2Fx%zz%"), "/api/v1/secrets/x%zz%");
    }

    #[test]
    fn a_command_is_the_words_of_the_query_in_their_order() {
        let uri = "/api/v1/namespaces/a/pods/b/exec?command=sh&command=-c&command=cat+%2Fetc%2Fpasswd&stdin";
        assert_eq!(argv(uri).collect::<Vec<_>>(), ["sh", "-c", "cat /etc/passwd"]);
    }

    #[test]
    fn a_key_that_is_encoded_is_the_same_key() {
        assert_eq!(argv("/exec?stdin=true&c%6Fmmand=i%64&command").collect::<Vec<_>>(), ["id", ""]);
    }

    #[test]
    fn a_pair_that_the_api_server_leaves_out_is_not_there() {
        for uri in ["?dryRun=All;", "?dryRun;=All", "?dryRun=%zz", "?dryRun=All%", "?dryRun=All%4"] {
            assert_eq!(query(uri, "dryRun").count(), 0, "{uri}");
        }
        assert_eq!(query("?a=b;&dryRun=%41ll&c=%", "dryRun").collect::<Vec<_>>(), ["All"]);
    }

    #[test]
    fn a_flag_reads_as_the_api_server_reads_it() {
        for (uri, is) in [
            ("?tty", Some(true)),
            ("?tty=yes", Some(true)),
            ("?tty=FALSE", Some(false)),
            ("?tty=0", Some(false)),
        ] {
            assert_eq!(flag(uri, "tty"), is, "{uri}");
        }
        assert_eq!(flag("/exec", "tty"), None);
    }
}
