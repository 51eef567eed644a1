//! Tables of figures.

use maud::{Markup, html};

use super::number::{NONE, Spread};

/// What a cell is among its peers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rank {
    /// Best of all: bold.
    pub best: bool,
    /// Best of those that took nothing from the reference: underlined.
    pub best_honest: bool,
}

/// A table in a box that scrolls by itself where the page is narrow, and can be scrolled with the keyboard.
pub fn boxed(caption: &Markup, table: &Markup) -> Markup {
    html! {
        figure.table {
            figcaption { (caption) }
            div.scroll tabindex="0" role="region" aria-label="table" { (table) }
        }
    }
}

/// A cell with mean and, below it, standard deviation; `text` writes the first argument to a precision that suits the
/// second, the mean. `of` is how many values there should be: where some are missing the cell says so.
pub fn cell(spread: Option<Spread>, of: usize, rank: Rank, text: impl Fn(f64, f64) -> String) -> Markup {
    let Some(Spread { mean, sd, count }) = spread else {
        return html! { td.none { (NONE) } };
    };
    html! {
        td {
            (ranked(&text(mean, mean), rank))
            @if let Some(sd) = sd { small { "± " (text(sd, mean)) } }
            @if count < of { small { (count) " of " (of) } }
        }
    }
}

/// A figure with the marks of its rank.
pub fn ranked(text: &str, rank: Rank) -> Markup {
    html! {
        @match (rank.best, rank.best_honest) {
            (true, true) => b { u { (text) } },
            (true, false) => b { (text) },
            (false, true) => u { (text) },
            (false, false) => (text),
        }
    }
}

/// Ranks of figures of which the least is best. What would be printed the same ranks the same. `None` does not compete.
pub fn ranks_of_least(figures: &[Option<f64>], honest: &[bool], printed: impl Fn(f64) -> String) -> Vec<Rank> {
    let least = |honest_only: bool| {
        let competing = figures
            .iter()
            .zip(honest)
            .filter(|(_, honest)| !honest_only || **honest);
        let values = competing.filter_map(|(figure, _)| figure.filter(|f| !f.is_nan()));
        values.min_by(f64::total_cmp).map(&printed)
    };
    let (best, best_honest) = (least(false), least(true));
    let rank = |(figure, honest): (&Option<f64>, &bool)| {
        let text = figure.filter(|f| !f.is_nan()).map(&printed);
        Rank {
            best: text.is_some() && text == best,
            best_honest: text.is_some() && *honest && text == best_honest,
        }
    };
    figures.iter().zip(honest).map(rank).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::number::decibels;

    #[test]
    fn the_least_is_best_and_an_oracle_is_not_honest() {
        let figures = [Some(-20.0), Some(-22.0), Some(-21.0), None, Some(-20.999)];
        let honest = [true, false, true, true, true];
        let ranks = ranks_of_least(&figures, &honest, decibels);
        let best: Vec<bool> = ranks.iter().map(|r| r.best).collect();
        let best_honest: Vec<bool> = ranks.iter().map(|r| r.best_honest).collect();
        assert_eq!(best, [false, true, false, false, false]);
        // −21.00 twice, as printed
        assert_eq!(best_honest, [false, false, true, false, true]);
    }

    #[test]
    fn nothing_to_rank_ranks_nothing() {
        let ranks = ranks_of_least(&[None, Some(f64::NAN)], &[true, true], decibels);
        assert_eq!(ranks, [Rank::default(); 2]);
    }

    #[test]
    fn a_cell_says_what_is_missing() {
        let spread = Spread::of([-20.0, -22.0]);
        let text = cell(spread, 3, Rank::default(), |v, _| decibels(v)).into_string();
        assert_eq!(text, "<td>−21.00<small>± 1.41</small><small>2 of 3</small></td>");
        assert_eq!(
            cell(None, 3, Rank::default(), |v, _| decibels(v)).into_string(),
            r#"<td class="none">–</td>"#
        );
    }
}
