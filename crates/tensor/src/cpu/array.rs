//! Memory of the CPU device: aligned buffers, arrays of either number type, and weights.

mod pages;

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;
use std::sync::Arc;

use half::{bf16, f16};

use super::integers::Integers;
use pages::Shelf;

/// A vector of fixed length that starts at a cache line, so that vector loads never straddle two.
///
/// A large one comes from the operating system untouched, so that it costs memory as it is used and
/// all threads share the work of first touching it.
pub(crate) struct Buffer<T: Number> {
    start: NonNull<T>,
    len: usize,
    /// Where it stands with others; otherwise its memory is its own.
    shelf: Option<Arc<Shelf>>,
}

/// What a buffer may hold: numbers for which all bits zero is zero.
pub(crate) trait Number: Copy + Send + Sync + 'static {}
impl Number for f32 {}
impl Number for bf16 {}
impl Number for u32 {}
impl Number for u8 {}
impl Number for i8 {}
impl Number for i32 {}
impl Number for f16 {}

// SAFETY: a buffer owns its memory as a Vec does, and `T` itself is Send.
unsafe impl<T: Number> Send for Buffer<T> {}
// SAFETY: shared access only reads, and `T` itself is Sync.
unsafe impl<T: Number> Sync for Buffer<T> {}

impl<T: Number> Buffer<T> {
    const ALIGNMENT: usize = 64;

    fn layout(len: usize) -> Layout {
        let bytes = len
            .checked_mul(size_of::<T>())
            .expect("a buffer larger than the address space");
        Layout::from_size_align(bytes, Self::ALIGNMENT).expect("a buffer larger than isize::MAX")
    }

    pub(crate) fn zeros(len: usize) -> Self {
        let layout = Self::layout(len);
        if layout.size() == 0 {
            let start = NonNull::dangling();
            return Buffer {
                start,
                len: 0,
                shelf: None,
            };
        }
        // SAFETY: the layout is not empty.
        let start = unsafe {
            match layout.size() >= pages::LARGE {
                true => pages::map(layout.size()),
                false => alloc_zeroed(layout),
            }
        };
        let start = NonNull::new(start.cast()).unwrap_or_else(|| handle_alloc_error(layout));
        Buffer {
            start,
            len,
            shelf: None,
        }
    }

    /// Zeros beside other buffers in large pages, for what is read again and again from beginning to
    /// end and never resized: the weights that a model writes with. Their memory is given back when
    /// all of a shelf are gone.
    pub(crate) fn shelved(len: usize) -> Self {
        let bytes = Self::layout(len).size();
        match pages::shelve(bytes).filter(|_| bytes > 0) {
            Some((start, shelf)) => Buffer {
                start: start.cast(),
                len,
                shelf: Some(shelf),
            },
            None => Self::zeros(len),
        }
    }
}

impl<T: Number> Drop for Buffer<T> {
    fn drop(&mut self) {
        if self.len > 0 && self.shelf.is_none() {
            let layout = Self::layout(self.len);
            // SAFETY: allocated in `zeros` with this very layout.
            unsafe {
                match layout.size() >= pages::LARGE {
                    true => pages::unmap(self.start.as_ptr().cast(), layout.size()),
                    false => dealloc(self.start.as_ptr().cast(), layout),
                }
            }
        }
    }
}

impl<T: Number> Deref for Buffer<T> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        // SAFETY: `len` numbers were allocated and zeroed (dangling and 0 when empty).
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }
}

impl<T: Number> DerefMut for Buffer<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as in `deref`, and `self` is borrowed mutably.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), self.len) }
    }
}

/// A flat vector of f32 or bfloat16 numbers.
pub struct CpuArray(pub(crate) Storage);

/// Numbers of one type or the other.
pub(crate) enum Storage {
    F32(Buffer<f32>),
    Bf16(Buffer<bf16>),
}

impl CpuArray {
    /// How many numbers there are.
    pub fn len(&self) -> usize {
        match &self.0 {
            Storage::F32(x) => x.len(),
            Storage::Bf16(x) => x.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Its numbers, which are f32. What only the residual stream, statistics, moments and
    /// gradients of weights pass through is never rounded.
    #[track_caller]
    pub(crate) fn f32(&self) -> &[f32] {
        match &self.0 {
            Storage::F32(x) => x,
            Storage::Bf16(_) => panic!("an f32 array was wanted, and this one is bfloat16"),
        }
    }

    /// As [`f32`](Self::f32), to write.
    #[track_caller]
    pub(crate) fn f32_mut(&mut self) -> &mut [f32] {
        match &mut self.0 {
            Storage::F32(x) => x,
            Storage::Bf16(_) => panic!("an f32 array was wanted, and this one is bfloat16"),
        }
    }
}

/// Gives the numbers of arrays a name and a type: the body is compiled for each type.
macro_rules! typed {
    ($($name:ident = $array:expr),+ => $body:expr) => {
        typed!(@ [$($name = $array),+] $body)
    };
    (@ [$name:ident = $array:expr $(, $names:ident = $arrays:expr)*] $body:expr) => {
        match $array {
            $crate::cpu::array::Storage::F32($name) => typed!(@ [$($names = $arrays),*] $body),
            $crate::cpu::array::Storage::Bf16($name) => typed!(@ [$($names = $arrays),*] $body),
        }
    };
    (@ [] $body:expr) => { $body };
}
pub(crate) use typed;

/// A weight `[rows, cols]`.
///
/// For training it is row-major: in f32 the master only; in bf16 a rounded shadow stands beside it,
/// which the optimizer refreshes in the pass that steps the master, and which products read. For
/// inference there is one storage, in the order in which products read it.
pub struct CpuMatrix {
    pub(crate) rows: usize,
    pub(crate) cols: usize,
    pub(crate) weight: Weight,
}

impl CpuMatrix {
    /// Whether it lies as products read it, and not row-major.
    pub(crate) fn is_stored(&self) -> bool {
        matches!(self.weight, Weight::Panels(_) | Weight::Integers(_))
    }
}

/// How a weight is stored.
pub(crate) enum Weight {
    /// Trained in f32.
    Full(Buffer<f32>),
    /// Trained in bf16.
    Both {
        master: Buffer<f32>,
        shadow: Buffer<bf16>,
    },
    /// For inference, in the compute precision: panels of the tile (`stored.rs`).
    Panels(Buffer<u32>),
    /// For inference, in blocks of integers.
    Integers(Integers),
}
