//! Words in braces, as `{namespace}` or `{secret POD}`: finds them in a text, and puts values in their place.

/// A word in braces, and where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Word<'t> {
    /// The word itself.
    pub(crate) name: &'t str,
    /// What stands behind it: the placement in `{secret PLACEMENT}`.
    pub(crate) of: Option<&'t str>,
    /// The whole, with its braces.
    pub(crate) whole: &'t str,
    start: usize,
}

/// The words of `text`, in order. What else stands in braces, as JSON, templates of other tools and `${HOME}`, is text.
pub(crate) fn scan(text: &str) -> impl Iterator<Item = Word<'_>> {
    text.match_indices('{').filter_map(|(start, _)| word_at(text, start))
}

fn word_at(text: &str, start: usize) -> Option<Word<'_>> {
    let inside = text.get(start + 1..)?;
    let inside = &inside[..inside.find('}')?];
    let (name, of) = match inside.split_once(' ') {
        Some((name, of)) => (name, Some(of)),
        None => (inside, None),
    };
    let is_word = is_name(name) && of.is_none_or(is_argument);
    is_word.then(|| Word { name, of, whole: &text[start..start + inside.len() + 2], start })
}

/// Whether a persona can call a word so: a small letter, then letters and digits.
pub(crate) fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase()) && name.bytes().all(|c| c.is_ascii_alphanumeric())
}

fn is_argument(of: &str) -> bool {
    !of.is_empty() && of.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-')
}

/// Puts into the place of each word what `value` says; a word without value stays as it stands.
///
/// # Errors
///
/// The first error of `value`.
pub(crate) fn fill<E>(
    text: &str,
    value: &mut dyn FnMut(&Word<'_>) -> Result<Option<String>, E>,
) -> Result<String, E> {
    let mut filled = String::with_capacity(text.len());
    let mut done = 0;
    for word in scan(text) {
        if let Some(value) = value(&word)? {
            filled.push_str(&text[done..word.start]);
            filled.push_str(&value);
            done = word.start + word.whole.len();
        }
    }
    filled.push_str(&text[done..]);
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<&str> {
        scan(text).map(|word| word.whole).collect()
    }

    #[test]
    fn words_are_told_from_what_else_stands_in_braces() {
        assert_eq!(found("a {namespace} b{secret my-pod}"), ["{namespace}", "{secret my-pod}"]);
        for text in
            ["{", "{}", "{ x }", "${HOME}", "{\"a\": 1}", "{{ .Values.x }}", "{a b c}", "{a\nb}", "é{"]
        {
            assert_eq!(found(text), Vec::<&str>::new(), "{text}");
        }
    }

    #[test]
    fn a_word_with_no_value_stays_and_the_text_around_it_too() {
        let mut value = |word: &Word<'_>| Ok::<_, ()>((word.name == "a").then(|| "é{a}".to_owned()));
        assert_eq!(fill("x{a}{token p}{a}ü", &mut value).unwrap(), "xé{a}{token p}é{a}ü");
    }
}
