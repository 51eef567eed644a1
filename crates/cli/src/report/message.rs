//! Messages that are of one kind: they differ in their numbers alone.

/// A message split into numbers, with the range of each, and the words between them.
pub struct MessageTemplate {
    /// The words around the numbers, one more than there are numbers: what messages of one kind have in common.
    pub literals: Vec<String>,
    numbers: Vec<(String, String)>,
}

impl MessageTemplate {
    pub fn of(text: &str) -> Self {
        let (mut literals, mut numbers) = (vec![String::new()], Vec::new());
        let mut rest = text;
        while let Some(next) = rest.chars().next() {
            let before = literals.last().and_then(|words| words.chars().last());
            // excludes the 1 of "H1" and the 2 of "wavelet2"
            let starts = next.is_ascii_digit() && !before.is_some_and(char::is_alphanumeric);
            let length = if starts { number_length(rest) } else { next.len_utf8() };
            let (head, tail) = rest.split_at(length);
            if starts {
                numbers.push((head.to_string(), head.to_string()));
                literals.push(String::new());
            } else if let Some(words) = literals.last_mut() {
                words.push_str(head);
            }
            rest = tail;
        }
        Self { literals, numbers }
    }

    pub fn widen(&mut self, other: &Self) {
        let value = |text: &str| text.parse::<f64>().unwrap_or(0.0);
        for ((low, high), (other, _)) in self.numbers.iter_mut().zip(&other.numbers) {
            if value(other) < value(low) {
                low.clone_from(other);
            }
            if value(other) > value(high) {
                high.clone_from(other);
            }
        }
    }

    pub fn text(&self) -> String {
        let mut text = self.literals.first().cloned().unwrap_or_default();
        for ((low, high), words) in self.numbers.iter().zip(self.literals.iter().skip(1)) {
            text.push_str(low);
            if low != high {
                text.push('…');
                text.push_str(high);
            }
            text.push_str(words);
        }
        text
    }
}

/// Length of the number at the start of a text: digits, possibly with a point between them.
fn number_length(text: &str) -> usize {
    let digits = |from: usize| {
        let rest = &text.as_bytes()[from..];
        rest.iter().take_while(|b| b.is_ascii_digit()).count()
    };
    let whole = digits(0);
    let is_point = text.as_bytes().get(whole) == Some(&b'.');
    match if is_point { digits(whole + 1) } else { 0 } {
        0 => whole,
        fraction => whole + 1 + fraction,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_become_ranges() {
        let mut template = MessageTemplate::of("kept 12 of 30.5 in H1.");
        template.widen(&MessageTemplate::of("kept 9 of 30.5 in H1."));
        template.widen(&MessageTemplate::of("kept 100 of 30.5 in H1."));
        assert_eq!(template.text(), "kept 9…100 of 30.5 in H1.");
        for text in ["", "é 1é 2", "3", "1.2.3", "1.", "no number", "7 7 7"] {
            assert_eq!(MessageTemplate::of(text).text(), text);
        }
    }
}
