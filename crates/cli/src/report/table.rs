//! Tables of numbers.

use maud::{Markup, html};

use super::number::{NONE, Spread};

/// The rank of a cell among those it competes with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rank {
    /// Best of all; printed in bold.
    pub best: bool,
    /// Best of those that use nothing from the reference; underlined.
    pub best_non_oracle: bool,
}

/// A table in a box that scrolls on narrow pages, also with the keyboard.
pub fn scrollable_table(caption: &Markup, table: &Markup) -> Markup {
    html! {
        figure.table {
            figcaption { (caption) }
            div.scroll tabindex="0" role="region" aria-label="table" { (table) }
        }
    }
}

/// A cell with the mean and, below it, the standard deviation. `text` formats its first argument with the precision of
/// the second, the mean. `of` is the expected number of values; the cell says if some are missing.
pub fn cell(spread: Option<Spread>, of: usize, rank: Rank, text: impl Fn(f64, f64) -> String) -> Markup {
    let Some(Spread { mean, sd, count }) = spread else {
        return html! { td.none { (NONE) } };
    };
    html! {
        td {
            (rank_markup(&text(mean, mean), rank))
            @if let Some(sd) = sd { small { "± " (text(sd, mean)) } }
            @if count < of { small { (count) " of " (of) } }
        }
    }
}

/// A number marked by its rank.
pub fn rank_markup(text: &str, rank: Rank) -> Markup {
    html! {
        @match (rank.best, rank.best_non_oracle) {
            (true, true) => b { u { (text) } },
            (true, false) => b { (text) },
            (false, true) => u { (text) },
            (false, false) => (text),
        }
    }
}

/// Ranks of numbers of which the lowest is best. Equal texts get equal ranks. `None` does not compete.
pub fn ranks_of_least(figures: &[Option<f64>], non_oracle: &[bool], printed: impl Fn(f64) -> String) -> Vec<Rank> {
    let least = |non_oracles_only: bool| {
        let competing = figures
            .iter()
            .zip(non_oracle)
            .filter(|(_, non_oracle)| !non_oracles_only || **non_oracle);
        let values = competing.filter_map(|(figure, _)| figure.filter(|f| !f.is_nan()));
        values.min_by(f64::total_cmp).map(&printed)
    };
    let (best, best_non_oracle) = (least(false), least(true));
    let rank = |(figure, non_oracle): (&Option<f64>, &bool)| {
        let text = figure.filter(|f| !f.is_nan()).map(&printed);
        Rank {
            best: text.is_some() && text == best,
            best_non_oracle: text.is_some() && *non_oracle && text == best_non_oracle,
        }
    };
    figures.iter().zip(non_oracle).map(rank).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::number::decibels;

    #[test]
    fn the_lowest_is_best_and_oracles_are_ranked_separately() {
        let figures = [Some(-20.0), Some(-22.0), Some(-21.0), None, Some(-20.999)];
        let non_oracle = [true, false, true, true, true];
        let ranks = ranks_of_least(&figures, &non_oracle, decibels);
        let best: Vec<bool> = ranks.iter().map(|r| r.best).collect();
        let best_non_oracle: Vec<bool> = ranks.iter().map(|r| r.best_non_oracle).collect();
        assert_eq!(best, [false, true, false, false, false]);
        // both print as −21.00
        assert_eq!(best_non_oracle, [false, false, true, false, true]);
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
