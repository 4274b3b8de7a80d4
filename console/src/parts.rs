//! What pages are put together from.

mod form;
mod id;
mod status;
mod time;

use maud::{Markup, html};

pub(crate) use form::{Choice, choice, text};
pub(crate) use id::{account, code, copied, key, middle, position, session};
pub(crate) use status::{Tone, account_status, badge, key_status, session_status};
pub(crate) use time::{ago, duration, time};

/// A name and what it stands for, in a list of facts.
#[allow(
    clippy::needless_pass_by_value,
    reason = "a template is made to be put into another one"
)]
pub(crate) fn fact(name: &str, value: Markup) -> Markup {
    html! { dt { (name) } dd { (value) } }
}

/// A name or an address of a person; why it is not shown, when it is not.
pub(crate) fn personal(text: Option<&str>, erased: bool) -> Markup {
    html! {
        @match text {
            Some(text) => (text),
            None if erased => em { "erased" },
            None => em { "sealed" },
        }
    }
}

/// A table that scrolls by itself, for a region of this name.
#[allow(
    clippy::needless_pass_by_value,
    reason = "a template is made to be put into another one"
)]
pub(crate) fn table(name: &str, columns: &[&str], rows: Markup) -> Markup {
    html! {
        div .scroll role="region" aria-label=(name) tabindex="0" {
            table {
                thead {
                    tr {
                        @for column in columns {
                            @match column.strip_prefix('>') {
                                Some(number) => th scope="col" .right { (number) },
                                None => th scope="col" { (column) },
                            }
                        }
                    }
                }
                tbody { (rows) }
            }
        }
    }
}

/// The end of a list: where it goes on.
pub(crate) fn pager(shown: usize, first: Option<&str>, next: Option<&str>) -> Markup {
    html! {
        nav .pager aria-label="Parts of the list" {
            span { (count(shown, "row")) " here" }
            @if let Some(first) = first { a .button href=(first) { "Newest" } }
            @if let Some(next) = next { a .button rel="next" href=(next) { "Older" } }
            @else { span { "This is the end of the list." } }
        }
    }
}

/// "1 row", "2 rows".
pub(crate) fn count(number: usize, what: &str) -> String {
    if number == 1 {
        format!("1 {what}")
    } else {
        format!("{number} {what}s")
    }
}

/// Nothing to say here.
pub(crate) fn none() -> Markup {
    html! { span .soft { span aria-hidden="true" { "–" } span .visually-hidden { "none" } } }
}

/// Names with commas between.
pub(crate) fn names<T: AsRef<str>>(names: &[T]) -> Markup {
    if names.is_empty() {
        return none();
    }
    let names: Vec<_> = names.iter().map(AsRef::as_ref).collect();
    html! { (names.join(", ")) }
}
