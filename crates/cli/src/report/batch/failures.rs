//! Volumes that failed or are left to do, with reasons.

use maud::{Markup, html};

use super::view::{View, Volume};
use crate::batch::Status;
use crate::report::number::{capitalised, counted};
use crate::report::page::collapsible;
use crate::report::table::scrollable_table;

/// Longer lists of names are collapsed.
const MAX_OPEN_NAMES: usize = 12;

pub fn section(view: &View) -> Option<Markup> {
    let (failed, left) = (view.of_status(Status::Failed), view.of_status(Status::Left));
    if failed.is_empty() && left.is_empty() {
        return None;
    }
    Some(html! {
        @if !failed.is_empty() { (reasons(&failed)) }
        @if !left.is_empty() { (names(&left)) }
    })
}

fn reasons(failed: &[&Volume]) -> Markup {
    let caption = html! { (capitalised(&counted(failed.len(), "volume"))) " failed. The same command tries again." };
    let table = html! {
        table.left {
            thead { tr { th scope="col" { "Volume" } th scope="col" { "Reason" } } }
            tbody { @for volume in failed {
                @let record = volume.record;
                tr {
                    th scope="row" { (record.name) small { "of " (record.input) } }
                    td { (record.error.as_deref().unwrap_or("no reason is on record")) }
                }
            } }
        }
    };
    scrollable_table(&caption, &table)
}

fn names(left: &[&Volume]) -> Markup {
    let slices: usize = left.iter().map(|volume| volume.record.slices).sum();
    let list = html! {
        ul.notes { @for volume in left {
            li { (volume.record.name) " (" (counted(volume.record.slices, "slice")) ")" }
        } }
    };
    let title = format!(
        "{} left to do, {}",
        counted(left.len(), "volume"),
        counted(slices, "slice")
    );
    let title = capitalised(&title);
    collapsible(left.len() <= MAX_OPEN_NAMES, &title, &list)
}
