//! What treats arrays as plain vectors: copies, sums, scaling, norms; and gathers of rows.

use super::Cpu;
use super::array::Number;
use super::lanes::{Element, Lanes, Work, spans};
use super::team::Parts;

/// Numbers of a task.
const STRETCH: usize = 16 << 10;

impl Cpu {
    /// `to = from`, converted.
    pub(super) fn convert<X: Element, Y: Element>(&self, from: &[X], to: &mut [Y]) {
        assert_eq!(from.len(), to.len());
        let to = Parts::new(to);
        self.team
            .enter()
            .stretches(from.len(), STRETCH, |range, _| {
                // SAFETY: a task takes its own stretch.
                let to = unsafe { to.slice(range.clone()) };
                let from = &from[range];
                self.engine.kernels.apply(Copy { from, to });
            });
    }

    /// `to += from`.
    pub(super) fn add_to<X: Element, Y: Element>(&self, from: &[X], to: &mut [Y]) {
        assert_eq!(from.len(), to.len());
        let to = Parts::new(to);
        self.team
            .enter()
            .stretches(from.len(), STRETCH, |range, _| {
                // SAFETY: a task takes its own stretch.
                let to = unsafe { to.slice(range.clone()) };
                let from = &from[range];
                self.engine.kernels.apply(Add { from, to });
            });
    }

    /// `x *= factor`.
    pub(super) fn multiply_by<E: Element>(&self, x: &mut [E], factor: f32) {
        let (len, x) = (x.len(), Parts::new(x));
        self.team.enter().stretches(len, STRETCH, |range, _| {
            // SAFETY: a task takes its own stretch.
            let x = unsafe { x.slice(range) };
            self.engine.kernels.apply(Scale { x, factor });
        });
    }

    pub(super) fn fill_zero<E: Number + Default>(&self, x: &mut [E]) {
        let (len, x) = (x.len(), Parts::new(x));
        self.team.enter().stretches(len, 4 * STRETCH, |range, _| {
            // SAFETY: a task takes its own stretch.
            unsafe { x.slice(range) }.fill(E::default());
        });
    }

    /// Σ x², each stretch in 16 sums, the stretches in order.
    pub(super) fn squares<E: Element>(&self, x: &[E]) -> f64 {
        let mut sums = vec![0.0; x.len().div_ceil(STRETCH)];
        let parts = Parts::new(&mut sums);
        self.team.enter().stretches(x.len(), STRETCH, |range, _| {
            let stretch = range.start / STRETCH;
            let sum = self.engine.kernels.apply(Squares { x: &x[range] });
            // SAFETY: a task takes its own sum.
            unsafe { parts.slice(stretch..stretch + 1)[0] = sum };
        });
        sums.iter().sum()
    }

    /// `to[r] = from[rows[r]]`.
    pub(super) fn gather<X: Element, Y: Element>(
        &self,
        from: &[X],
        rows: &[u32],
        d: usize,
        to: &mut [Y],
    ) {
        let to = Parts::new(&mut to[..rows.len() * d]);
        let grain = (STRETCH / d.max(1)).max(1);
        self.team.enter().stretches(rows.len(), grain, |range, _| {
            for r in range {
                let from = &from[rows[r] as usize * d..][..d];
                // SAFETY: a task takes its own rows.
                let to = unsafe { to.slice(r * d..(r + 1) * d) };
                self.engine.kernels.apply(Copy { from, to });
            }
        });
    }

    /// `to[rows[r]] += from[r]`. Tasks take columns, so that every number is added to in the order
    /// of rows.
    pub(super) fn scatter<X: Element>(&self, from: &[X], rows: &[u32], d: usize, to: &mut [f32]) {
        let grain = (STRETCH / rows.len().max(1))
            .next_multiple_of(64)
            .clamp(64, 256);
        let to = Parts::new(to);
        self.team.enter().stretches(d, grain, |columns, _| {
            for (r, &row) in rows.iter().enumerate() {
                let from = &from[r * d..][columns.clone()];
                let at = row as usize * d;
                // SAFETY: a task takes its own columns, one row at a time.
                let to = unsafe { to.slice(at + columns.start..at + columns.end) };
                self.engine.kernels.apply(Add { from, to });
            }
        });
    }
}

/// `to = from`.
pub(super) struct Copy<'a, X, Y> {
    pub(super) from: &'a [X],
    pub(super) to: &'a mut [Y],
}

impl<X: Element, Y: Element> Work for Copy<'_, X, Y> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self) {
        for span in spans::<L>(self.from.len()) {
            Y::put(X::get::<L>(self.from, span), self.to, span);
        }
    }
}

/// `to += from`.
struct Add<'a, X, Y> {
    from: &'a [X],
    to: &'a mut [Y],
}

impl<X: Element, Y: Element> Work for Add<'_, X, Y> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self) {
        for span in spans::<L>(self.from.len()) {
            let sum = X::get::<L>(self.from, span).add(Y::get(self.to, span));
            Y::put(sum, self.to, span);
        }
    }
}

/// `x *= factor`.
struct Scale<'a, E> {
    x: &'a mut [E],
    factor: f32,
}

impl<E: Element> Work for Scale<'_, E> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self) {
        let factor = L::splat(self.factor);
        for span in spans::<L>(self.x.len()) {
            E::put(E::get::<L>(self.x, span).mul(factor), self.x, span);
        }
    }
}

/// Σ x².
struct Squares<'a, E> {
    x: &'a [E],
}

impl<E: Element> Work for Squares<'_, E> {
    type Output = f64;
    #[inline(always)]
    fn run<L: Lanes>(self) -> f64 {
        let mut sums = [0.0f64; 16];
        let chunks = self.x.chunks_exact(16);
        for (sum, x) in sums.iter_mut().zip(chunks.remainder()) {
            *sum = f64::from(x.widen()) * f64::from(x.widen());
        }
        for chunk in chunks {
            for (sum, x) in sums.iter_mut().zip(chunk) {
                *sum += f64::from(x.widen()) * f64::from(x.widen());
            }
        }
        sums.iter().sum()
    }
}
