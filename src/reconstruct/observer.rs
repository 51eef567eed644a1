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

    /// After each iteration: in the stage of the maps, those of a reconstruction that they are calibrated from; else those of
    /// the method, and of a search for λ.
    fn iteration(&mut self, record: &IterationRecord) -> ControlFlow<()> {
        let _ = record;
        ControlFlow::Continue(())
    }
}

impl Observer for () {}

/// Sees nothing, and asks whether to go on before each stage and after each iteration.
pub struct Asking<F>(pub F);

impl<F: FnMut() -> ControlFlow<()>> Observer for Asking<F> {
    fn stage(&mut self, _: Stage) -> ControlFlow<()> {
        (self.0)()
    }

    fn iteration(&mut self, _: &IterationRecord) -> ControlFlow<()> {
        (self.0)()
    }
}

impl<F: FnMut(&IterationRecord) -> ControlFlow<()>> Observer for F {
    fn iteration(&mut self, record: &IterationRecord) -> ControlFlow<()> {
        self(record)
    }
}
