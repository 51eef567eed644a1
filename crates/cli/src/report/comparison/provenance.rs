//! Definitions of all figures, stop reasons, and commands that reproduce the cases.

use maud::{Markup, html};

use super::view::View;
use crate::compare::CaseRecord;
use crate::report::number::counted;
use crate::report::page::collapsible;

const TERMS: &[(&str, &str)] = &[
    (
        "NMSE",
        "Squared error of the complex image over the energy of the reference, after one global phase was aligned; in \
         dB, 10 log₁₀. On the object: over pixels where the reference is above a twentieth of its maximum.",
    ),
    (
        "PSNR, SSIM",
        "Of magnitude images, as fastMRI defines them; PSNR in dB. More is better. The PSNR of a perfect image is ∞.",
    ),
    (
        "HFEN",
        "NMSE, in dB, of what a Laplacian of Gaussian (15×15 pixels, σ = 1.5) leaves of the image: errors of fine \
         detail.",
    ),
    (
        "Mean ± standard deviation",
        "Arithmetic, of figures in dB where the unit is dB. The standard deviation is that of a sample, over the seeds \
         of the mask in the first table and over all cases in the second; it is left out where there is one \
         value. Only \
         methods that were measured on every case of a row can be its best.",
    ),
    (
        "Time",
        "From k-space and coil maps in memory to the image, without metrics and without a search for λ. Of other \
         programs what their name says.",
    ),
    (
        "Time to convergence",
        "The first time from which on NMSE on the object stays within 0.1 dB of its last value. None for methods with \
         random shifts, whose last image is one of many.",
    ),
    (
        "Error bars",
        "Predicted standard deviation σ of the real part of each pixel's error, and of the imaginary part. Held to the \
         error against the reference over the object, both parts together. Noise of the reference is in that error \
         where it was not sampled; where it was, image and reference have it both.",
    ),
    (
        "λ",
        "Regularisation weight, relative to the intensity of the image. Between the values that were run, NMSE is \
         interpolated linearly in log λ.",
    ),
    (
        "Reference",
        "The image of the fully sampled data. Noise of the scan is in it too, so that an error no larger than \
        that noise \
         says little.",
    ),
    (
        "τ",
        "Predicted variance E|e|² of a complex wavelet coefficient of the unbiased estimate, in squared units of the \
         image. The residual is normalised as Ψ(r − x₀) / √(τ/2), real and imaginary parts together, over all detail \
         coefficients.",
    ),
];

pub fn section(view: &View) -> Markup {
    html! {
        dl.terms { @for (term, meaning) in TERMS { dt { (term) } dd { (meaning) } } }
        @if !view.results.runs.is_empty() { (collapsible(false, "How the runs ended", &stop_reasons(view))) }
        @if !view.results.cases.is_empty() { (collapsible(false, "The same cases with pvdamp recon", &commands(view))) }
    }
}

/// Why runs stopped, and notes about them.
fn stop_reasons(view: &View) -> Markup {
    html! {
        div.scroll {
            table.left {
                thead { tr { th scope="col" { "Method" } th scope="col" { "Stopped" } th scope="col" { "Notes" } } }
                tbody {
                    @for contender in &view.contenders {
                        @let runs = || view.results.runs.iter().filter(|run| run.contender == contender.id);
                        tr {
                            th scope="row" { (view.label(&contender.id)) }
                            td { (counted_words(runs().map(|run| run.stop.as_str()))) }
                            td { (counted_words(runs().flat_map(|run| run.notes.iter().map(String::as_str)))) }
                        }
                    }
                }
            }
        }
    }
}

/// `settled (12 runs), iterations (one run)`.
fn counted_words<'a>(words: impl Iterator<Item = &'a str>) -> String {
    let mut counts: Vec<(&str, usize)> = Vec::new();
    for word in words.filter(|word| !word.is_empty()) {
        match counts.iter_mut().find(|(seen, _)| *seen == word) {
            Some((_, count)) => *count += 1,
            None => counts.push((word, 1)),
        }
    }
    let texts: Vec<String> = counts
        .iter()
        .map(|(word, count)| format!("{word} ({})", counted(*count, "run")))
        .collect();
    texts.join("; ")
}

fn commands(view: &View) -> Markup {
    html! {
        div.scroll {
            table.left {
                thead { tr { th scope="col" { "Case" } th scope="col" { "Command" } } }
                tbody { @for case in &view.results.cases { tr {
                    th scope="row" { (case.id) }
                    td { code { (recon_command(case)) } }
                } } }
            }
        }
    }
}

fn recon_command(case: &CaseRecord) -> String {
    let words = ["pvdamp", "recon", &case.scan].into_iter().map(String::from);
    let words = words.chain(case.arguments.iter().cloned());
    let words = words.chain(["-o".into(), format!("{}.h5", case.id)]);
    words.map(|word| shell_quoted(&word)).collect::<Vec<_>>().join(" ")
}

/// Quoted for a POSIX shell.
fn shell_quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_=+:,./@%".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.into();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_for_a_shell() {
        assert_eq!(shell_quoted("--acceleration=4"), "--acceleration=4");
        assert_eq!(shell_quoted("it's a scan.h5"), r"'it'\''s a scan.h5'");
        assert_eq!(shell_quoted(""), "''");
    }

    #[test]
    fn words_are_counted() {
        assert_eq!(
            counted_words(["a", "b", "a", ""].into_iter()),
            "a (2 runs); b (one run)"
        );
    }
}
