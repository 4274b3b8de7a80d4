//! The known name that a mistyped one was meant to be.

/// The nearest of `names` to `text`, if any is near.
pub(crate) fn nearest<'a>(text: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    names
        .map(|name| (distance(text, name), name))
        .filter(|(distance, name)| *distance <= name.len().max(text.len()) / 3)
        .min()
        .map(|(_, name)| name)
}

/// How many letters must be put in, taken out or changed (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let changed = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typing_error_finds_the_name_and_another_word_finds_none() {
        let names = ["database.url", "database.max_connections", "nats.urls"];
        let of = |text| nearest(text, names.into_iter());
        assert_eq!(of("database.max_conections"), Some(names[1]));
        assert_eq!(of("nats.url"), Some(names[2]));
        assert_eq!(of("colour"), None);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
    }
}
