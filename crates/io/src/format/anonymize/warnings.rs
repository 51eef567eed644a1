//! Warnings about a file, which go into the records of a batch, without the file's own words.

/// What is between such words and their reason, which may have words of the file without quotation marks.
const BEFORE_REASONS: [&str; 3] = [" is not kept", " is not used", " are not used"];

pub(super) fn without_words_of_file(warnings: &mut [String]) {
    for warning in warnings {
        *warning = without_words(warning);
    }
}

fn without_words(warning: &str) -> String {
    let ends = BEFORE_REASONS.iter().filter_map(|end| {
        let at = warning.find(&format!("{end}: "))?;
        Some((at, end))
    });
    match ends.min_by_key(|(at, _)| *at) {
        // a name may have marks and such words in it, so that nothing after the first mark is sure to be ours
        Some((at, end)) => match warning[..at].split_once('\'') {
            Some((before, _)) => format!("{before}…{end}"),
            None => format!("{}{end}", &warning[..at]),
        },
        None => without_quoted(warning),
    }
}

/// From the first quotation mark to the last: what is quoted may have such marks in it.
fn without_quoted(text: &str) -> String {
    let Some((before, rest)) = text.split_once('\'') else {
        return text.to_string();
    };
    let after = rest.rsplit_once('\'').map_or("", |(_, after)| after);
    format!("{before}…{after}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_the_file_go() {
        for (warning, expected) in [
            ("attribute 'DOE' is not kept: it is a DOE", "attribute … is not kept"),
            (
                "attribute 'O'DOE is not kept: 'DOE' is not kept: no",
                "attribute … is not kept",
            ),
            (
                "the attribute 'axes' of the k-space is not used: 'DOE' is no axis: write slice",
                "the attribute … is not used",
            ),
            (
                "the ismrmrd_header is not used: XML of DOE",
                "the ismrmrd_header is not used",
            ),
            ("'a' and 'b'c' go on", "… go on"),
            ("3 lines are left out", "3 lines are left out"),
        ] {
            assert_eq!(without_words(warning), expected);
        }
    }
}
