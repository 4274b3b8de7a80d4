//! Fields of filters. Forms are sent with `GET`; what is empty filters nothing.

use std::fmt::Display;

use maud::{Markup, html};

/// Something to choose.
pub(crate) struct Choice {
    pub(crate) value: String,
    pub(crate) name: String,
}

impl Choice {
    /// One that is called as it is written.
    pub(crate) fn plain(value: impl Display) -> Self {
        let value = value.to_string();
        Self {
            name: value.replace('_', " "),
            value,
        }
    }
}

/// A list to choose from, or nothing of it.
pub(crate) fn choice(
    name: &str,
    label: &str,
    choices: impl IntoIterator<Item = Choice>,
    chosen: &str,
) -> Markup {
    html! {
        label {
            (label)
            select name=(name) {
                option value="" selected[chosen.is_empty()] { "any" }
                @for it in choices {
                    option value=(it.value) selected[it.value == chosen] { (it.name) }
                }
            }
        }
    }
}

/// A text.
pub(crate) fn text(name: &str, label: &str, class: &str, value: &str) -> Markup {
    html! {
        label {
            (label)
            input type="text" name=(name) value=(value) class=(class) autocomplete="off"
                spellcheck="false";
        }
    }
}
