use std::ops::ControlFlow;

use crate::solve::IterationRecord;

/// A part of the way from k-space to the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Mask and sampling probability.
    Sampling,
    /// Noise, whitening, virtual coils.
    Channels,
    /// Coil sensitivity maps.
    Maps,
    /// The iterations.
    Solving,
}

/// Sees how a reconstruction gets on, and may cancel it: `Break` ends it with [`Error::Cancelled`](crate::Error::Cancelled).
///
/// `()` sees nothing, and a closure of an [`IterationRecord`] each iteration.
pub trait Observer {
    /// Before each stage.
    fn stage(&mut self, stage: Stage) -> ControlFlow<()> {
        let _ = stage;
        ControlFlow::Continue(())
    }

    /// After each iteration, those of a search for λ among them.
    fn iteration(&mut self, record: &IterationRecord) -> ControlFlow<()> {
        let _ = record;
        ControlFlow::Continue(())
    }
}

impl Observer for () {}

impl<F: FnMut(&IterationRecord) -> ControlFlow<()>> Observer for F {
    fn iteration(&mut self, record: &IterationRecord) -> ControlFlow<()> {
        self(record)
    }
}
