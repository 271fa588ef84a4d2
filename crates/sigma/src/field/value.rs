//! What a field holds.

use std::borrow::Cow;

use smallvec::SmallVec;

use super::Node;

/// One value of a field.
#[derive(Debug, Clone)]
pub(crate) enum Value<'v> {
    /// A text.
    Text(Cow<'v, str>),
    /// A whole number.
    Int(i64),
    /// A truth value.
    Bool(bool),
    /// Something in a body.
    Node(&'v Node<'v>),
    /// Something with fields of its own.
    Whole,
}

/// All values of a field: none where it is absent, several where its path leads through lists.
pub(crate) type Found<'v> = SmallVec<[Value<'v>; 2]>;

impl Value<'_> {
    /// True for JSON's null.
    pub(crate) fn is_null(&self) -> bool {
        matches!(self, Self::Node(Node::Null))
    }

    /// Calls `test` with each scalar in this value, the elements of lists included, until it says true. Objects and null
    /// are no scalars.
    pub(crate) fn any(&self, test: &mut dyn FnMut(Scalar<'_>) -> bool) -> bool {
        match self {
            Self::Text(text) => test(Scalar::Text(text)),
            Self::Int(int) => test(Scalar::Int(*int)),
            Self::Bool(bool) => test(Scalar::Bool(*bool)),
            Self::Node(node) => any_of_node(node, test),
            Self::Whole => false,
        }
    }
}

fn any_of_node(node: &Node<'_>, test: &mut dyn FnMut(Scalar<'_>) -> bool) -> bool {
    match node {
        Node::Text(text) => test(Scalar::Text(text)),
        Node::Int(int) => test(Scalar::Int(*int)),
        Node::Float(float) => test(Scalar::Float(*float)),
        Node::Bool(bool) => test(Scalar::Bool(*bool)),
        Node::List(list) => list.iter().any(|node| any_of_node(node, test)),
        Node::Null | Node::Object(_) | Node::Deep => false,
    }
}

/// A value that can be compared.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Scalar<'v> {
    /// A text.
    Text(&'v str),
    /// A whole number.
    Int(i64),
    /// Another number.
    Float(f64),
    /// A truth value.
    Bool(bool),
}

impl<'v> Scalar<'v> {
    /// The value as a text: numbers in decimal, truth values as `true` and `false`.
    pub(crate) fn text(self) -> Cow<'v, str> {
        match self {
            Self::Text(text) => Cow::Borrowed(text),
            Self::Int(int) => Cow::Owned(int.to_string()),
            Self::Float(float) => Cow::Owned(float.to_string()),
            Self::Bool(true) => Cow::Borrowed("true"),
            Self::Bool(false) => Cow::Borrowed("false"),
        }
    }

    /// The value as a number, where it is one or a text that reads as one.
    pub(crate) fn number(self) -> Option<f64> {
        match self {
            Self::Text(text) => text.parse().ok(),
            // Codes, ports and uids: far below the 53 bits that stay exact.
            Self::Int(int) => Some(int as f64),
            Self::Float(float) => Some(float),
            Self::Bool(_) => None,
        }
    }
}
