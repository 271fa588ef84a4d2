//! The elements of a list, for the blocks of `sigma-version: 3` (`field[any]:`).

use super::Subject;
use crate::field::{Found, Look, Node, Value};

impl Subject {
    pub(super) fn values<'v>(&self, look: &'v Look<'_, '_>, member: Option<&'v Value<'_>>) -> Found<'v> {
        match (self, member) {
            (Self::Field(field), _) => look.values(field),
            (Self::Member(path), Some(Value::Node(node))) => {
                let mut found = Found::new();
                path.walk(node, &mut found);
                found
            }
            (Self::Member(path), Some(value)) if path.is_empty() => std::iter::once(value.clone()).collect(),
            (Self::Member(_), _) => Found::new(),
        }
    }
}

/// The elements of the list that these values are. What is no list is the only element of one; null is an empty list.
pub(super) fn members<'v>(values: &'v [Value<'v>]) -> Box<dyn Iterator<Item = Value<'v>> + 'v> {
    match values {
        [Value::Node(Node::List(list))] => Box::new(list.iter().map(Value::Node)),
        [value] if value.is_null() => Box::new(std::iter::empty()),
        values => Box::new(values.iter().cloned()),
    }
}
